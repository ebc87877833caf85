// Text of messages: what counts as empty, and where the links are.

// Quotes, brackets and bidirectional controls end an address: a control inside it could make it read as
// another one.
const LINK = /https?:\/\/[^\s<>"'`«»“”‘’\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/giu;
const TRAILING_PUNCTUATION = /[.,;:!?…*_~)\]}。，、；：！？）】」』؛،؟]+$/u;
// Spaces, format characters (joiners, directions), variation selectors, fillers that are letters in name only.
const INVISIBLE = /[\s\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f]/gu;

/** Whether anything would be seen: spaces, joiners and other zero-width characters alone are nothing. */
export function hasVisibleText(text) {
  return text.replace(INVISIBLE, "") !== "";
}

/** Cuts closing punctuation off an address, but keeps a bracket that was opened inside it. */
function trimAddress(address) {
  const tail = address.match(TRAILING_PUNCTUATION)?.[0] ?? "";
  const bare = address.slice(0, address.length - tail.length);
  const closesInside = tail.startsWith(")") && bare.split("(").length > bare.split(")").length;
  return closesInside ? `${bare})` : bare;
}

/** Splits text into pieces `{text, href}`; href is null for plain text and an http(s) address for a link. */
export function splitLinks(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = trimAddress(match[0]);
    if (!isAddress(address)) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null });
    pieces.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

function isAddress(text) {
  try {
    return Boolean(new URL(text).host);
  } catch {
    // `new URL` has no other way of saying no.
    return false;
  }
}
