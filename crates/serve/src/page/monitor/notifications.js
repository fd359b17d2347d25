// Notifications while the page is in the background.

const ON = "You are notified of crying while this page is in the background, as long as it stays open. Many phones stop pages in the background.";
const DENIED = "The browser blocks notifications of this page. Allow them in the browser's settings for this page.";
const IMPOSSIBLE = "This browser does not let pages notify you.";
const INSECURE = "Browsers notify only over HTTPS, and this page came without it. Ask whoever runs this service for an address with https://.";

let isImpossible = !("Notification" in window);

// Whether the reader can be asked, and what to say about it.
export function state() {
  if (!window.isSecureContext) return { canAsk: false, text: INSECURE };
  if (isImpossible) return { canAsk: false, text: IMPOSSIBLE };
  const { permission } = Notification;
  return { canAsk: permission === "default", text: { granted: ON, denied: DENIED, default: "" }[permission] };
}

// Asks the reader for permission, and shows a first notification.
export async function ask() {
  if ((await Notification.requestPermission()) === "granted") show("Notifications are on", "Like this one.", "test");
}

// Notifies if the reader permitted it and does not see the page. A notification replaces an earlier one of the same `tag`.
export function notify(title, body, tag) {
  if (document.hidden && state().text === ON) show(title, body, tag);
}

function show(title, body, tag) {
  try {
    const notification = new Notification(title, { body, tag, renotify: true });
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
    });
  } catch {
    isImpossible = true; // as on Android, where only installed pages notify
  }
}
