/** A value that survives JSON unchanged. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * Where to resume a stream, as its stream wrote it. Everyone else keeps and returns it unread: the
 * stream alone knows what it means (a server's cursor, an index, a window).
 */
export type Position = { readonly [key: string]: JsonValue };
