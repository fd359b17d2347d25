// Building the page. Text is only ever set as text, never read as HTML.

export const at = (id) => document.getElementById(id);

export function element(name, text = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Sets a text unless it is there already: a screen reader would repeat it, and a selection would be lost.
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// Makes `children` the children of `parent`. Those that stay are not touched: focus, sound and what is open stay as well.
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
}
