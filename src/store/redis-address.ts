/** Redis addresses as they may be shown: whoever writes one into a message, a record or a file asks here first. */

const hiddenAddress = 'an address that is not shown'

const socketPath = /^(\/[^?]*)(\?.*)?$/
const serverUrl = /^(rediss?:\/\/)?(?:[^@?]*@)?((?:[\w.-]+|\[[\da-f:]+\])(?::\d{1,5})?(?:\/\d*)?)(?:\?[^@]*)?$/i

/**
 * Without user, password and options, any of which may be secret (ioredis takes `?password=` too). Where an address is not plainly of one
 * of the two forms, nothing of it is shown: no guess about where a password ends.
 */
export function withoutSecrets(address: string): string {
  const [, path] = socketPath.exec(address) ?? []
  if (path !== undefined) return path
  const [, scheme = '', server] = serverUrl.exec(address) ?? []
  return server === undefined ? hiddenAddress : `${scheme}${server}`
}

/** Whether an address may stand in a file. */
export function isWithoutSecrets(address: string): boolean {
  return withoutSecrets(address) === address
}
