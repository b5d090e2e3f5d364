// How an emotion looks: a colour of Okabe and Ito (2008), a pattern beside it, and two letters.

const LOOKS = {
  anger: { colour: "#d55e00", pattern: "rising", pl: "zł", en: "An" },
  fear: { colour: "#cc79a7", pattern: "dots", pl: "st", en: "Fe" },
  happiness: { colour: "#e69f00", pattern: "plain", pl: "sz", en: "Ha" },
  sadness: { colour: "#0072b2", dark: "#56b4e9", pattern: "falling", pl: "sm", en: "Sa" },
  surprised: { colour: "#009e73", pattern: "upright", pl: "za", en: "Su" },
  neutral: { colour: "#8d8d8d", pattern: "level", pl: "ne", en: "Ne" },
};
const OTHER = { colour: "#777777", pattern: "grid" };
const dark = matchMedia("(prefers-color-scheme: dark)");
let names = {}; // label → Polish name, as the model says

export const isDark = () => dark.matches;

export function onScheme(listener) {
  dark.addEventListener("change", listener);
}

export function setNames(polish) {
  names = polish ?? {};
}

export const nameOf = (label, language) => (language === "pl" ? (names[label] ?? label) : label);

export function letters(label, language) {
  return LOOKS[label]?.[language] ?? nameOf(label, language).slice(0, 2);
}

function colourOf(label) {
  const look = LOOKS[label] ?? OTHER;
  return (dark.matches && look.dark) || look.colour;
}

const tiles = new Map();

/** A tile of 12 × 12 pixels in the emotion's colour and pattern. */
function tile(label) {
  const key = `${label} ${dark.matches}`;
  if (!tiles.has(key)) tiles.set(key, paint(colourOf(label), (LOOKS[label] ?? OTHER).pattern));
  return tiles.get(key);
}

function paint(colour, pattern) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 12, height: 12 });
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 12, 12);
  pen.strokeStyle = pen.fillStyle = "rgb(255 255 255 / 0.5)";
  pen.lineWidth = 2;
  STROKES[pattern](pen);
  return canvas;
}

const line = (pen, ...points) => {
  pen.beginPath();
  points.forEach(([x, y], i) => (i % 2 ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
};
const dot = (pen, x, y) => {
  pen.beginPath();
  pen.arc(x, y, 1.7, 0, 7);
  pen.fill();
};
const STROKES = {
  plain: () => {},
  rising: (pen) => line(pen, [-2, 14], [14, -2], [-2, 2], [2, -2], [10, 14], [14, 10]),
  falling: (pen) => line(pen, [-2, -2], [14, 14], [-2, 10], [2, 14], [10, -2], [14, 2]),
  dots: (pen) => [[3, 3], [9, 9]].forEach(([x, y]) => dot(pen, x, y)),
  upright: (pen) => line(pen, [3, 0], [3, 12], [9, 0], [9, 12]),
  level: (pen) => line(pen, [0, 3], [12, 3], [0, 9], [12, 9]),
  grid: (pen) => line(pen, [6, 0], [6, 12], [0, 6], [12, 6]),
};

export const fill = (pen, label) => pen.createPattern(tile(label), "repeat");

/** Give an element the emotion's colour and pattern as its background. */
export function dress(element, label) {
  element.style.backgroundColor = colourOf(label);
  element.style.backgroundImage = `url(${tile(label).toDataURL()})`;
}

export function swatch(label) {
  const element = document.createElement("span");
  element.className = "swatch";
  element.setAttribute("aria-hidden", "true");
  dress(element, label);
  return element;
}
