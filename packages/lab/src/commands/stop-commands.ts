/**
 * The commands for a stopped lab, lines of standard input. A command looks at a copy of the guest,
 * unless it starts with `do`. Another run gets the same replies.
 */
import { createInterface, type Interface } from 'node:readline'
import { MachineEnded, type OnGuestStop } from '@vnet/guest/kit'
import { attempt } from 'vnet'
import { EXIT_FAILURE, type Io } from 'vnet/kit/cli'
import { namesFor } from '../model/options.ts'
import type { LookResult, StopReply } from './virtual-stops.ts'

const NS_PER_S = 1e9
/** 128 + SIGKILL. */
const KILLED = 137
const PROMPT = 'vnet> '
const HELP =
  'COMMAND or HOST: COMMAND looks at a copy of the guest, do COMMAND acts; continue, step, quit'

/** The meaning of a line: a reply to the stop, the end of the run, or a mistake. */
export type StopLine = { readonly reply: StopReply } | { readonly error: string } | 'quit'

/** Reads a line; a command runs in the first of `hosts`, unless it starts with `HOST:`. */
export function readLine(line: string, hosts: readonly string[]): StopLine {
  if (line === 'quit') return 'quit'
  if (line === 'continue') return { reply: {} }
  if (line === 'step') return { reply: { step: true } }
  const [, acts, named, text = ''] = /^(do\s+)?(?:([\w.-]+):\s+)?(.*)$/.exec(line) ?? []
  const host = named ?? hosts[0] ?? ''
  if (!hosts.includes(host)) {
    return { error: `the lab has no host ${host}; it has ${namesFor(host, hosts)}` }
  }
  return { reply: { host, line: text, ...(acts === undefined && { looks: true }) } }
}

/** Reads the reason for which a copy stops: other programs in the guest can stop it, too. */
function readResult(text: string): LookResult {
  const result: Partial<LookResult> | null | undefined = attempt(() => JSON.parse(text))
  const { status, stdout, stderr } = result ?? {}
  if (typeof status === 'number' && typeof stdout === 'string' && typeof stderr === 'string') {
    return { status, stdout, stderr }
  }
  return {
    status: EXIT_FAILURE,
    stdout: '',
    stderr: 'vnet: a program in the guest has stopped it\n',
  }
}

/** The hosts and the streams of the commands. Their owner closes the streams. */
export interface StopCommandsOptions {
  /** The hosts of the lab, with the host of the command first. */
  readonly hosts: readonly string[]
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly io: Pick<Io, 'out' | 'err'>
}

export class StopCommands implements Disposable {
  /** The reasons of the stops so far, once a run has started. */
  reached: Set<string> | undefined
  readonly #options: StopCommandsOptions
  /** The reply to each stop, from the run that came there first. */
  readonly #replies: Promise<StopReply>[] = []
  #lines: Interface | undefined
  #iterator: AsyncIterator<string> | undefined
  /** A line for which the run had to start again. */
  #again: string | undefined

  constructor(options: StopCommandsOptions) {
    this.#options = options
  }

  /** Returns what replies to the stops of one run: as in another run, or what lines say. */
  start(): OnGuestStop {
    this.reached ??= new Set()
    let next = 0
    return async ({ why, guestNs }, look) => {
      const at = next++
      this.#replies[at] ??= this.#ask(why, guestNs, async reply => {
        const result = await look(JSON.stringify(reply))
        return result === undefined ? undefined : readResult(result)
      })
      try {
        return JSON.stringify(await this.#replies[at])
      } catch (error) {
        // The run may start again with a program that it lacks.
        delete this.#replies[at]
        throw error
      }
    }
  }

  [Symbol.dispose](): void {
    this.#lines?.close()
  }

  async #ask(
    why: string,
    guestNs: number,
    look: (reply: StopReply) => Promise<LookResult | undefined>,
  ): Promise<StopReply> {
    const { io, hosts, input } = this.#options
    if (this.reached?.size === 0 && input.isTTY) {
      io.err(`vnet: ${HELP}\n`)
    }
    this.reached?.add(why)
    io.err(`vnet: stopped after ${(guestNs / NS_PER_S).toFixed(9)} s: ${why}\n`)
    for (;;) {
      const line = await this.#nextLine()
      if (line === undefined) return {}
      if (line === '' || line.startsWith('#')) continue
      const meant = readLine(line, hosts)
      if (meant === 'quit') throw new MachineEnded('quit')
      if ('error' in meant) {
        io.err(`vnet: ${meant.error}\n`)
        continue
      }
      const { reply } = meant
      if (!reply.looks) return reply
      this.#again = line
      this.#print(await look(reply))
      this.#again = undefined
    }
  }

  /** Returns undefined at the end of the input. */
  async #nextLine(): Promise<string | undefined> {
    const { io, input } = this.#options
    const again = this.#again
    this.#again = undefined
    if (again !== undefined) return again
    this.#lines ??= createInterface({ input })
    this.#iterator ??= this.#lines[Symbol.asyncIterator]()
    if (input.isTTY) {
      io.err(PROMPT)
    }
    const { done, value } = await this.#iterator.next()
    // A terminal shows what is typed.
    if (!input.isTTY && !done) {
      io.err(`${PROMPT}${value}\n`)
    }
    return done ? undefined : value.trim()
  }

  #print(result: LookResult | undefined): void {
    const { out, err } = this.#options.io
    if (result === undefined) {
      err('vnet: the run ends before the command\n')
      return
    }
    out(result.stdout)
    err(result.stderr)
    // The run continues while the command looks, and its end kills all programs.
    if (result.status === KILLED) {
      err('vnet: the run ended before the command: stop it earlier\n')
    } else if (result.status !== 0) {
      err(`vnet: the command has ended with status ${result.status}\n`)
    }
  }
}
