/** `longhaul venues`: both simulated venues as servers on this machine, for anybody's bot, or for the campaign that forked it. */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { SeededPrng } from '../base/prng.ts'
import { ShiftedClock } from '../clock/shifted-clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { loadConfig, type Override } from '../config/load.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import type { VenueServerPlan, VenueServersMessage } from '../environment/venue-servers.ts'
import type { FaultBoard } from '../faults/fault-board.ts'
import { FaultyExchange } from '../faults/faulty-exchange.ts'
import { FaultyMarket } from '../faults/faulty-market.ts'
import { openInjection } from '../faults/injection.ts'
import { instrumentOf, type InstrumentFacts, type Venue } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'
import type { VenueEndpoints } from '../venues/network-transport.ts'
import { makeMarket, type MarketPlan } from '../market/make-market.ts'
import { SimulatedExchange, type Trading, type VenueAccount } from '../venues/simulated/simulated-exchange.ts'
import { VenueServer } from '../venues/simulated/venue-server.ts'
import { badFlags, parseFlags } from './flags.ts'

const demoKey = 'longhaul-demo-'
const defaultPorts: Readonly<Record<Venue, string>> = { upbit: '8101', binance: '8102' }

const usage = `usage: longhaul venues [--port-upbit ${defaultPorts.upbit}] [--port-binance ${defaultPorts.binance}] [overrides]

Serves the simulated Upbit and Binance on 127.0.0.1, over HTTP and WebSocket in their own wire formats, until Ctrl-C.

  --port-upbit N      0 for any that is free
  --port-binance N
  --config FILE       a campaign's file, for symbols, seed, simulatedMarket, venues, loopback.upbit and loopback.binance (how the
                      venues spell numbers, pad books, cut streams); default configs/s0.yaml
  --symbols …         symbols, separated by commas
  --seed …            seed of the market and its trades
  --start …           the venues' time now, ISO 8601; default the real time, which signed requests of most bots rely on

Each venue has one account, with the opening balances of the config (venues.inventory). Its keys are read from
LONGHAUL_UPBIT_ACCESS_KEY, LONGHAUL_UPBIT_SECRET_KEY, LONGHAUL_BINANCE_API_KEY and LONGHAUL_BINANCE_SECRET_KEY, and are not printed then,
or are demo keys, which are.
exit codes: 0 stopped, 3 bad command line or config, 4 a port is taken
`

const options = {
  'port-upbit': { type: 'string', default: defaultPorts.upbit },
  'port-binance': { type: 'string', default: defaultPorts.binance },
  config: { type: 'string' },
  symbols: { type: 'string' },
  seed: { type: 'string' },
  start: { type: 'string' },
  plan: { type: 'string' },
} as const

export async function venues(args: readonly string[]): Promise<ExitCode> {
  const flags = parseFlags('venues', args, options)
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const { plan } = flags.values
  if (plan === undefined) await serveByHand(flags.values)
  else await serveForParent(plan)
  return exitCodes.ok
}

type HandFlags = Partial<Record<'config' | 'symbols' | 'seed' | 'start', string>> & Record<'port-upbit' | 'port-binance', string>

async function serveByHand(flags: HandFlags): Promise<void> {
  const ports = { upbit: portOf('--port-upbit', flags['port-upbit']), binance: portOf('--port-binance', flags['port-binance']) }
  const { config } = loadConfig(resolve(flags.config ?? join(import.meta.dirname, '../../configs/s0.yaml')), overridesOf(flags))
  const { instruments, openingBalances } = tradingPlan(config.symbols, config.venues)
  const accounts = accountsOf(openingBalances)
  const system = new SystemClock()
  const clock = flags.start === undefined ? system : new ShiftedClock(system, Date.parse(config.startAt))
  const market: MarketPlan = { kind: 'simulated', settings: config.simulatedMarket, startMs: Math.floor(clock.nowMs() / 1000) * 1000 }
  const { upbit, binance } = config.loopback
  const exchange = exchangeOf({ seed: config.seed, instruments, market, switches: { upbit, binance } }, { accounts })
  const server = await VenueServer.start({ exchange, clock, ports })
  process.stdout.write(welcome(server.endpoints, accounts, instruments))
  await firstOf('SIGINT', 'SIGTERM')
  await server.stop()
  const { skippedSteps } = exchange
  process.stdout.write(`stopped; ${skippedSteps} steps of the market skipped, ${server.cutClients} clients cut that did not read\n`)
}

/** Books only: the engine trades on paper. */
async function serveForParent(planFile: string): Promise<void> {
  if (process.send === undefined) throw badFlags('venues', '--plan is for the campaign that starts the servers itself')
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as VenueServerPlan
  // Ctrl-C reaches every process of the terminal: the parent lets the engine stop first, and then these servers.
  process.on('SIGINT', () => undefined)
  const end = firstOf('SIGTERM', 'disconnect')
  const clock = new SystemClock()
  const injection = openInjection(plan.faults, plan.faultsLog, clock)
  const exchange =
    injection === null ? exchangeOf(plan, {}) : new FaultyExchange({ exchange: exchangeOf(plan, injection), board: injection.board })
  try {
    const server = await VenueServer.start({ exchange, clock, ports: plan.ports })
    const message: VenueServersMessage = { endpoints: server.endpoints }
    if (process.connected) process.send(message)
    await end
    await server.stop()
    injection?.log.close()
  } finally {
    // The channel, once listened to, would keep the process alive.
    if (process.connected) process.disconnect()
  }
}

interface ExchangeParts {
  accounts?: Trading['accounts']
  /** Of the books that it shows. */
  board?: FaultBoard
}

function exchangeOf(
  { seed, instruments, market, switches }: Pick<VenueServerPlan, 'seed' | 'instruments' | 'market' | 'switches'>,
  { accounts, board }: ExchangeParts,
): SimulatedExchange {
  const listed = instruments.map(instrumentOf)
  const startMs = market.kind === 'simulated' ? market.startMs : 0
  const made = makeMarket(market, seed, listed)
  const shown = board === undefined ? made : new FaultyMarket({ market: made, board, instruments })
  const parts = { market: shown, instruments: listed, startMs, ...switches }
  if (accounts === undefined) return new SimulatedExchange(parts)
  return new SimulatedExchange({ ...parts, trading: { prng: new SeededPrng(seed).fork('trading'), accounts } })
}

/** Resolves at the first of these events of the process. */
function firstOf(...events: readonly ('SIGINT' | 'SIGTERM' | 'disconnect')[]): Promise<void> {
  return new Promise((end) => {
    for (const event of events) process.once(event, () => end())
  })
}

function portOf(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (port <= 65_535) return port
  throw badFlags('venues', `${flag} expects a port from 0 to 65535, was ${JSON.stringify(text)}`)
}

function overridesOf({ symbols, seed, start }: HandFlags): Override[] {
  const given = [
    { source: '--symbols', path: ['symbols'], value: symbols?.split(',').map((symbol) => symbol.trim()) },
    // What is no number stays text, so that the schema names it.
    { source: '--seed', path: ['seed'], value: seed === undefined || !/^\d+$/.test(seed) ? seed : Number(seed) },
    { source: '--start', path: ['startAt'], value: start },
  ]
  return given.filter(({ value }) => value !== undefined)
}

function accountsOf(openingBalances: readonly Balance[]): Trading['accounts'] {
  const account = (venue: Venue, accessName: string, secretName: string): VenueAccount => ({
    credentials: {
      accessKey: process.env[accessName] || `${demoKey}${venue}-access-key`,
      secretKey: process.env[secretName] || `${demoKey}${venue}-secret-key`,
    },
    openingBalances: openingBalances.filter((balance) => balance.venue === venue),
  })
  return {
    upbit: account('upbit', 'LONGHAUL_UPBIT_ACCESS_KEY', 'LONGHAUL_UPBIT_SECRET_KEY'),
    binance: account('binance', 'LONGHAUL_BINANCE_API_KEY', 'LONGHAUL_BINANCE_SECRET_KEY'),
  }
}

function welcome({ upbit, binance }: VenueEndpoints, accounts: Trading['accounts'], instruments: readonly InstrumentFacts[]): string {
  const codesOf = (venue: Venue): string[] => instruments.filter((listed) => listed.venue === venue).map(({ code }) => code)
  const [upbitCodes, binanceCodes] = [codesOf('upbit'), codesOf('binance')]
  // What is printed may be kept in a file, and whoever set a key may have set one that opens more than this.
  const shown = (key: string): string => (key.startsWith(demoKey) ? key : 'as in the environment')
  const account = ({ credentials, openingBalances }: VenueAccount): string =>
    `  access key   ${shown(credentials.accessKey)}\n  secret key   ${shown(credentials.secretKey)}\n` +
    `  balances     ${openingBalances.map(({ asset, amount }) => `${amount} ${asset}`).join(', ')}\n`
  return `Upbit
  REST         ${upbit.restUrl}/v1
  WebSocket    ${upbit.streamUrl}/websocket/v1 (private: /websocket/v1/private)
  markets      ${upbitCodes.join(', ')}
${account(accounts.upbit)}Binance
  REST         ${binance.restUrl}/api/v3
  WebSocket    ${binance.streamUrl}/ws and /stream (private: /ws-api/v3)
  markets      ${binanceCodes.join(', ')}
${account(accounts.binance)}
try
  curl '${upbit.restUrl}/v1/orderbook?markets=${upbitCodes[0]}'
  curl '${binance.restUrl}/api/v3/depth?symbol=${binanceCodes[0]}&limit=5'
  npx wscat -c '${binance.streamUrl}/ws/${binanceCodes[0]?.toLowerCase()}@bookTicker'

Ctrl-C stops them.
`
}
