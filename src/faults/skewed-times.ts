/** The times that a venue writes, as its clock would write them if it were off. The faulty exchange and its sockets call this. Pure. */

/**
 * Of what a venue's clock stamps: Binance's events, trades and orders, Upbit's books, trades and orders in both formats of its frames. Unix
 * milliseconds have thirteen digits until the year 2286.
 */
const times = /"(E|T|serverTime|time|transactTime|updateTime|workingTime|(?:trade_|order_)?timestamp|[to]?tms)":(\d{13})\b/g

export function skewedTimes(text: string, byMs: number): string {
  return text.replaceAll(times, (_match, name: string, atMs: string) => `"${name}":${Number(atMs) + byMs}`)
}
