/** Lays rows out in columns for a terminal: text to the left, figures to the right. The command line's own. */

/** Control characters from a log must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map(printable))
  const isFigure = header.map((_, column) => column > 0 && rows.every((cells) => /^[-+₩\d.]/.test(cells[column] ?? '-')))
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => pad(cell, widths[column] ?? 0, isFigure[column] ?? false))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function pad(cell: string, width: number, isFigure: boolean): string {
  return isFigure ? cell.padStart(width) : cell.padEnd(width)
}
