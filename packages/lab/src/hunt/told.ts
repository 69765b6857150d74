/** Completes a finding: its block for an issue, and whether it repeats without vnet. */
import { blockOf } from './block.ts'
import { type ClientRun, runClient } from './client-run.ts'
import type { HuntFinding } from './hunt.ts'
import type { HuntOptions } from './options.ts'
import { type Confirmation, confirmPlain } from './plain.ts'
import { verdictOf } from './verdicts.ts'
import { type Versions, versionsOf } from './versions.ts'
import { clientWords, WarmProgram } from './warm.ts'

export interface Told {
  /** Markdown. */
  readonly block: string
  readonly plain: Confirmation
}

/** Completes a finding: runs its reproducer. Rejects if the signal aborts. */
export type Teller = (finding: HuntFinding, signal: AbortSignal) => Promise<Told>

/** Returns a function that completes the findings of an exploration. */
export function tellerOf(options: HuntOptions): Teller {
  const known = new Map<string, Promise<Versions>>()
  return (finding, signal) => {
    const { client } = finding.start
    const versions = known.get(client) ?? versionsOf(aloneOf(client, options.warm))
    known.set(client, versions)
    return tell(finding, options, versions, signal)
  }
}

async function tell(
  { start, verdict, point, run, repeated, of }: HuntFinding,
  options: HuntOptions,
  known: Promise<Versions>,
  signal: AbortSignal,
): Promise<Told> {
  const { client, clean, connections } = start
  const { errors, within, promise, warm } = options
  const [plain, versions] = await Promise.all([
    confirmPlain<ClientRun>({
      connections,
      point,
      verdict,
      run: (host, parent) => {
        return runOnce(client, warm, {
          spawn: host.spawn.bind(host),
          parent,
          within,
          signal,
        })
      },
      isClean: seen => verdictOf(seen, clean, { isHit: true, errors, within }) === 'as clean',
      verdictOf: (seen, isHit) => verdictOf(seen, clean, { isHit, errors, within }),
      signal,
    }),
    known,
  ])
  const block = blockOf({
    verdict,
    point,
    promise,
    server: options.server,
    command: aloneOf(client, warm),
    clean,
    seen: run,
    repeats: { seen: repeated, of },
    plain,
    versions,
  })
  return { block, plain }
}

/** Returns the command of a client, which the interpreter of a warm program runs. */
function aloneOf(client: string, warm: string | undefined): string {
  if (warm === undefined) return client
  const [interpreter] = /^(?:(?:exec|env|\w+=\S*)\s+)*\S+/.exec(warm.trim()) ?? ['']
  return `${interpreter} ${client}`
}

/** Runs a client where no other one has run. */
async function runOnce(
  client: string,
  warm: string | undefined,
  place: Parameters<typeof runClient>[1],
): Promise<ClientRun> {
  if (warm === undefined) return runClient(client, place)
  const program = await WarmProgram.start(warm, place)
  try {
    return await program.run(clientWords(client), place)
  } finally {
    program.close()
  }
}
