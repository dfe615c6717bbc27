// The page: buttons for what flow.mjs does.
import { Reader } from "./flow.mjs";

const place = await (await fetch("place.json")).json();
const reader = new Reader(place);
const field = (id) => document.getElementById(id).value;
const log = (text) => { document.getElementById("log").textContent += `${text}\n`; };
const rows = ["PUBLIC#news", ...place.organisations.map((o) => `${o}#order`)];

const actions = {
  join: () => reader.signUp(field("name"), field("email"), field("password")).then(() => "a code is on its way: bulkhead mail --to ADDRESS"),
  confirm: () => reader.confirm(field("name"), field("code")),
  enter: () => reader.signIn(field("name"), field("password")).then(({ org }) => `signed in, organisation ${org}`),
  leave: async () => { reader.signedOut(); return "signed out"; },
  read: async () => {
    for (const pk of rows) log(`${pk}: ${await reader.read(pk).catch((e) => e.name)}`);
    return "";
  },
};
for (const [id, act] of Object.entries(actions)) {
  document.getElementById(id).onclick = () => act().then(log, (e) => log(`${e.name}: ${e.message}`));
}
