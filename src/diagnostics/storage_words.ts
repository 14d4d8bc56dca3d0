import { type Markup, markup } from "./markup.ts";

/** Whether the state is on a server, by what it is called. */
function isServer(storage: string): boolean {
  return /^https?:/i.test(storage);
}

/** Where quarantined events lie. */
export function describeQuarantinePlace(storage: string): Markup {
  return isServer(storage)
    ? markup`They lie on <code>${storage}</code>.`
    : markup`They lie in <code>${storage}/quarantine</code>.`;
}

/** What to look at when the state cannot be written. */
export function adviseOnStorage(storage: string): Markup {
  return isServer(storage)
    ? markup`Look at the server, and at the way to it: <code>doctor</code> tries both.`
    : markup`Look at the disk, and at the owner of ${storage}.`;
}
