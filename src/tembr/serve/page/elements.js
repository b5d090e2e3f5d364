// Small helpers for the page's elements.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; texts become text nodes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "scope") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Say something in the polite live region. */
export function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}
