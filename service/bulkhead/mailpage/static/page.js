// Copies codes, and looks for new messages while the page is in view. The page does without: see its noscript.
"use strict";
document.documentElement.classList.add("script");
const status = document.getElementById("status");
const list = document.getElementById("messages");

list.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    status.textContent = "Copied.";
  } catch {
    status.textContent = "The browser does not let the page copy; select the code instead.";
  }
});

let seen = list.querySelectorAll("article").length;
setInterval(async () => {
  if (document.hidden || list.contains(document.activeElement) || list.querySelector("details[open]")) return;
  let answer;
  try {
    answer = await fetch("/-/mail", { credentials: "same-origin", redirect: "error" });
  } catch {
    status.textContent = "The server does not answer.";
    return;
  }
  if (!answer.ok) {
    location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("messages");
  if (!fresh) return;
  const count = fresh.querySelectorAll("article").length;
  list.replaceChildren(...fresh.childNodes);
  if (count > seen) status.textContent = count - seen === 1 ? "A new message." : `${count - seen} new messages.`;
  seen = count;
}, 5000);
