/** Parses a log line that should be a JSON object, or says that it is none. The analyzer's own. */

/** Null where the text is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : null
  } catch {
    // A line that is no JSON is an answer here, and the caller counts it.
    return null
  }
}
