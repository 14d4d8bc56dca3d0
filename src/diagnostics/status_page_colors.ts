/** Colours of the status page, by what they are for. All text is legible on both grounds. */
export interface Palette {
  /** Behind everything. */
  readonly ground: string;
  /** Behind what belongs together. */
  readonly surface: string;
  /** Lines between things; says nothing. */
  readonly line: string;
  readonly ink: string;
  /** Text that may be read later. */
  readonly quiet: string;
  /** Links, bars, the part that is done. */
  readonly accent: string;
  /** What is still open of a bar; says nothing alone. */
  readonly track: string;
  readonly good: string;
  readonly busy: string;
  readonly warning: string;
  readonly bad: string;
}

/** The colours for either preference of the reader. */
export const PALETTES: { readonly [scheme in "light" | "dark"]: Palette } = {
  light: {
    ground: "#f5f5f8",
    surface: "#ffffff",
    line: "#e3e3ea",
    ink: "#1d1b2a",
    quiet: "#5f5d70",
    accent: "#5a3fd6",
    track: "#e4e0f8",
    good: "#157347",
    busy: "#2b5cc4",
    warning: "#8f5600",
    bad: "#b4232a",
  },
  dark: {
    ground: "#121118",
    surface: "#1b1a24",
    line: "#2e2c3a",
    ink: "#eceaf4",
    quiet: "#a5a2b8",
    accent: "#a897ff",
    track: "#322e4a",
    good: "#55c98d",
    busy: "#84aaff",
    warning: "#ecb157",
    bad: "#ff8a87",
  },
};
