"use strict";

// The page only shows what the simulator says and sends what a person presses; it decides nothing.

const POLL_MILLISECONDS = 700;
const TOKEN_LINE = /^\d{4}( \d{4}){4}$/;
const TOKEN_DIGITS = 20;
const $ = (id) => document.getElementById(id);

let world = null;
let shownInbox = "";
let shownScreen = "";
let promptId = "";

async function ask(path, fields) {
  const options = fields
    ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) }
    : {};
  const response = await fetch("/control/" + path, options);
  const value = await response.json();
  if (!response.ok) {
    throw new Error(value.error || "the simulator refused");
  }
  return value;
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

// Runs one act of a person: its button rests meanwhile, what goes wrong is said at the top.
async function act(form, work) {
  const buttons = form ? [...form.querySelectorAll("button")] : [];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    trouble("");
    await work();
  } catch (error) {
    trouble(error.message);
  }
  buttons.forEach((button) => { button.disabled = false; });
  await refreshPhone();
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act($(id), work);
  });
}

const money = (minor) => world.currency + " " + (minor / 100).toLocaleString("en", { minimumFractionDigits: 2 });
const units = (tenths) => (tenths / 10).toFixed(1);
const phone = () => $("phone").value;
const metersOf = (number) => world.meters.filter((meter) => meter.phones.includes(number));

// Phone

function showScreen(screen) {
  const text = screen ? screen.text : "Dial " + world.ussd_code + " to buy power.";
  const isOpen = Boolean(screen && screen.is_open);
  const state = JSON.stringify([text, isOpen]);
  if (state === shownScreen) {
    return;
  }
  shownScreen = state;
  $("screen").textContent = text;
  $("screen").className = !screen ? "idle" : screen.is_valid ? "" : "broken";
  $("ussd-form").hidden = !isOpen;
  $("dismiss").hidden = !screen || isOpen;
  $("dial-form").hidden = isOpen;
  if (isOpen) {
    $("ussd-input").value = "";
    $("ussd-input").focus({ preventScroll: true });
  }
}

function showPrompt(prompt) {
  $("prompt").hidden = !prompt;
  $("ussd").hidden = Boolean(prompt);
  $("dial-form").hidden = Boolean(prompt) || !$("ussd-form").hidden;
  const id = prompt ? prompt.checkout_id : "";
  if (prompt && id !== promptId) {
    const account = "account " + prompt.account;
    $("prompt-text").textContent = `Pay ${world.currency} ${prompt.amount} to ${prompt.short_code}, ${account}?`;
    $("prompt-pin").value = "";
    $("prompt-pin").focus({ preventScroll: true });
  }
  promptId = id;
}

function messageItem(message) {
  const item = document.createElement("li");
  const from = document.createElement("div");
  from.className = "from";
  const sender = document.createElement("span");
  sender.textContent = message.sender;
  const time = document.createElement("time");
  time.dateTime = message.received_at;
  time.textContent = new Date(message.received_at).toLocaleTimeString("en-GB");
  from.append(sender, time);
  const text = document.createElement("p");
  text.className = "text";
  text.textContent = message.text;
  item.append(from, text);
  const first = message.text.split("\n")[0];
  if (TOKEN_LINE.test(first)) {
    item.className = "code";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Take to the meter";
    button.addEventListener("click", () => takeToMeter(first, message.text));
    item.append(button);
  }
  return item;
}

function showInbox(inbox) {
  const state = phone() + ":" + inbox.length;
  if (state === shownInbox) {
    return;
  }
  shownInbox = state;
  $("message-count").textContent = inbox.length ? "(" + inbox.length + ")" : "";
  $("inbox-empty").hidden = inbox.length > 0;
  $("inbox").replaceChildren(...inbox.slice().reverse().map(messageItem));
}

async function refreshPhone() {
  try {
    const asked = phone();
    const seen = await ask("phone?phone=" + encodeURIComponent(asked));
    if (asked !== phone()) {
      return;
    }
    $("balance").textContent = "M-PESA " + money(seen.balance_minor);
    showScreen(seen.screen);
    showPrompt(seen.prompt);
    showInbox(seen.inbox);
  } catch (error) {
    trouble("The simulator does not answer.");
  }
}

function choosePhone() {
  shownInbox = shownScreen = promptId = "";
  const own = metersOf(phone());
  $("phone-meters").textContent = own.length ? "Meters: " + own.map((meter) => meter.drn).join(", ") : "No meter saved";
  $("pay-account").value = own.length ? own[0].drn : "";
  $("pay-outcome").textContent = "";
  if (own.length) {
    $("meter").value = own[0].drn;
    chooseMeter();
  }
  refreshPhone();
}

// Meter

function showEntry() {
  const digits = $("meter-digits").value.replace(/\D/g, "").slice(0, TOKEN_DIGITS);
  $("meter-entry").textContent = digits.replace(/(\d{4})(?=\d)/g, "$1 ");
  return digits;
}

function showWord(word, detail) {
  const kinds = { ACCEPT: "good", REJECT: "bad", USED: "old", OLD: "old", FULL: "old" };
  $("meter-word").textContent = detail ? word + "  " + detail : word;
  $("meter-word").className = "word " + (kinds[word] || "");
}

async function chooseMeter() {
  showWord("", "");
  $("meter-digits").value = "";
  showEntry();
  const meter = world.meters.find((each) => each.drn === $("meter").value);
  const owners = meter.phones.length ? "Phones: " + meter.phones.join(", ") + "." : "No phone linked.";
  $("meter-owner").textContent = owners + " Meter is " + String(meter.state).toLowerCase() + ".";
  const seen = await ask("meter?drn=" + encodeURIComponent(meter.drn));
  $("meter-balance").textContent = units(seen.balance_tenths);
}

async function enterDigits() {
  const answer = await ask("meter/type", { drn: $("meter").value, digits: $("meter-digits").value });
  showWord(answer.word, answer.energy_kwh_tenths ? "+" + units(answer.energy_kwh_tenths) + " kWh" : "");
  $("meter-balance").textContent = units(answer.balance_tenths);
  $("meter-digits").value = "";
}

async function takeToMeter(digits, text) {
  const named = world.meters.find((meter) => text.includes(meter.drn));
  if (named) {
    $("meter").value = named.drn;
    await chooseMeter();
  }
  $("meter-digits").value = digits;
  showWord("", "");
  showEntry();
  $("meter-digits").focus();
}

function press(key) {
  if (key === "Enter") {
    act(null, enterDigits);
    return;
  }
  const digits = $("meter-digits").value.replace(/\D/g, "");
  $("meter-digits").value = key === "Delete" ? digits.slice(0, -1) : (digits + key).slice(0, TOKEN_DIGITS);
  showWord("", "");
  showEntry();
}

function buildKeypad() {
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "Clear", "0", "Delete", "Enter"];
  for (const key of keys) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = key;
    button.className = key === "Enter" ? "enter" : "";
    button.addEventListener("click", () => (key === "Clear" ? clearDigits() : press(key)));
    $("keypad").append(button);
  }
}

function clearDigits() {
  $("meter-digits").value = "";
  showWord("", "");
  showEntry();
}

// Start

function listen() {
  $("phone").addEventListener("change", choosePhone);
  $("meter").addEventListener("change", () => act(null, chooseMeter));
  $("meter-digits").addEventListener("input", () => { showWord("", ""); showEntry(); });
  $("hang-up").addEventListener("click", () => act($("ussd-form"), () => ask("phone/hang_up", { phone: phone() })));
  $("dismiss").addEventListener("click", () => act(null, () => ask("phone/hang_up", { phone: phone() })));
  $("prompt-cancel").addEventListener("click", () => act($("prompt"), () => ask("phone/cancel", { phone: phone() })));
  onSubmit("dial-form", () => ask("phone/dial", { phone: phone(), code: $("dial-code").value }));
  onSubmit("ussd-form", () => ask("phone/type", { phone: phone(), input: $("ussd-input").value }));
  onSubmit("prompt-form", () => ask("phone/pin", { phone: phone(), pin: $("prompt-pin").value }));
  onSubmit("meter-form", enterDigits);
  onSubmit("sms-form", async () => {
    await ask("phone/send_sms", { phone: phone(), text: $("sms-text").value });
    $("sms-text").value = "";
  });
  onSubmit("pay-form", async () => {
    const fields = { phone: phone(), business: $("pay-business").value, account: $("pay-account").value };
    const outcome = await ask("phone/pay_bill", { ...fields, amount: $("pay-amount").value, pin: $("pay-pin").value });
    $("pay-outcome").textContent = outcome.text;
    $("pay-pin").value = "";
  });
}

function option(value, label) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = label;
  return made;
}

async function start() {
  world = await ask("world");
  $("phone").replaceChildren(...world.phones.map((number) => option(number, number)));
  $("meter").replaceChildren(...world.meters.map((meter) => option(meter.drn, meter.drn)));
  $("dial-code").value = world.ussd_code;
  $("pay-business").value = world.paybill;
  buildKeypad();
  listen();
  await chooseMeter();
  choosePhone();
  setInterval(() => { if (!document.hidden) { refreshPhone(); } }, POLL_MILLISECONDS);
}

start().catch(() => trouble("The simulator does not answer."));
