// What the browser remembers between visits; where storage is refused, nothing.

export function recall(name) {
  try {
    return localStorage.getItem(`tembr.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`tembr.${name}`);
    else localStorage.setItem(`tembr.${name}`, value);
  } catch {
    // private windows may refuse; the page works without
  }
}
