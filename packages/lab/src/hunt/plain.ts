/**
 * Runs a reproducer and the client in a network namespace that has only the loopback interface, and
 * says whether the verdict of a finding is the same without vnet's cable.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { makeLabDirectory } from '../kernel/leftovers.ts'
import { createLabWith } from '../network/create-lab.ts'
import type { LabHost } from '../network/host.ts'
import { type Connection, isSilence, type StreamPoint } from './conversation.ts'
import { ELSE, type Later, LESS, type ReproducerText, reproducerOf, WHOLE } from './reproducer.ts'
import { lastLineOf } from './verdicts.ts'

/** A finding, and how its client is run. `R` is the result of a run of the client. */
export interface PlainTrial<R> {
  /** The connections of a clean run. */
  readonly connections: readonly Connection[]
  readonly point: StreamPoint
  /** The verdict of the finding, as `verdictOf` returns it. */
  readonly verdict: string
  /**
   * Runs the client once on a host that finds the server as `server`, in a directory below
   * `parent`, which is removed later. It ends all programs that the client has started.
   */
  readonly run: (host: LabHost, parent: string) => Promise<R>
  /** Whether a run was as without a fault. */
  readonly isClean: (run: R) => boolean
  readonly verdictOf: (run: R, isHit: boolean) => string
  readonly signal?: AbortSignal | undefined
}

/** Whether a finding is repeated without vnet. */
export interface Confirmation {
  /** `also without vnet`, `not repeated without vnet: WHY`, or `no plain reproducer: WHY`. */
  readonly text: string
  readonly isRepeated: boolean
  /** The reproducer, if it can be written. */
  readonly program?: string
  /** The output of its run with the fault. */
  readonly printed?: string
}

/** A run of a reproducer with the client. */
interface Replay<R> {
  readonly run: R
  readonly printed: string
}

const INTERPRETER = 'python3'
/** The link of `lo`, which no cable has. */
const NO_LINK = -1

/**
 * Runs the client against a reproducer, first without the fault: it must then do what it does in a
 * clean run. A silence is tried with later connections that are served, and then with later ones
 * that are not. Rejects if `run` does, or if no lab can be made.
 */
export async function confirmPlain<R>(trial: PlainTrial<R>): Promise<Confirmation> {
  const { connections, point, verdict, isClean, verdictOf } = trial
  const first = reproducerOf(connections, point)
  if ('why' in first) return noProgram(first.why)
  try {
    const control = await replay(first, [WHOLE], trial)
    if (!isClean(control.run)) return noProgram(replyProblem(control.printed))
    const laters: readonly Later[] = isSilence(point.fault) ? ['whole', 'unanswered'] : ['whole']
    let text = ''
    let tried: Pick<Confirmation, 'program' | 'printed'> = {}
    for (const later of laters) {
      const made = reproducerOf(connections, point, later)
      if ('why' in made) break
      const { run, printed } = await replay(made, [], trial)
      const isHit = printed.includes(`${made.hit}\n`)
      const own = verdictOf(run, isHit)
      tried = { program: made.text, printed }
      const why = difference(own === verdict, printed, control.printed, own)
      if (why === undefined) return { text: 'also without vnet', isRepeated: true, ...tried }
      text = `not repeated without vnet: ${why}`
    }
    return { text, isRepeated: false, ...tried }
  } catch (error) {
    if (error instanceof ServerError) return noProgram(error.message)
    throw error
  }
}

const noProgram = (why: string): Confirmation => ({
  text: `no plain reproducer: ${why}`,
  isRepeated: false,
})

/** Returns why the client was not content with the recorded replies. */
function replyProblem(printed: string): string {
  const also =
    misfitIn(printed) === undefined ? '' : ', or the client says something else each time'
  return `the recorded replies do not satisfy the client once more: they may depend on its request${also}`
}

/** Returns why a run does not repeat a finding; undefined if it does. */
function difference(
  isSame: boolean,
  printed: string,
  control: string,
  verdict: string,
): string | undefined {
  const misfit = misfitIn(printed)
  // Its words may be random, and then also are without the fault.
  if (misfit !== undefined && misfitIn(control) === undefined) {
    return `the recorded replies do not fit what the client says after the fault: ${misfit}`
  }
  return isSame ? undefined : `the client's verdict there is: ${verdict}`
}

/** Returns the line of a client that has not said what was recorded; undefined without one. */
const misfitIn = (printed: string): string | undefined =>
  printed.split('\n').find(line => line.includes(ELSE) || line.endsWith(LESS))

/** Thrown if a reproducer cannot be started. */
class ServerError extends Error {
  override readonly name = 'ServerError'
}

/** Starts a program with these arguments, and runs the client, in a lab of their own. */
async function replay<R>(
  { text }: ReproducerText,
  args: readonly string[],
  { run, signal }: Pick<PlainTrial<R>, 'run' | 'signal'>,
): Promise<Replay<R>> {
  const options = { world: 'kernel', ...(signal !== undefined && { signal }) } as const
  // Programs of a host with faults, which end together, do not see the lab's own directory.
  using parent = temporaryDirectory()
  await using lab = await createLabWith(options, { isHidden: true, hostFaults: ['crash'] })
  const [host] = lab.hosts('client')
  const interfaces = [{ name: 'lo', link: NO_LINK, addresses: ['127.0.0.1/8'] }]
  lab.links.lab.hostsFile.add({ name: 'server', interfaces })
  const child = host.spawn(INTERPRETER, ['-c', text, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const server = new Server(child)
  await server.ready
  const done = await run(host, parent.path)
  return { run: done, printed: await server.end() }
}

/** Makes a directory, which is removed with its files. */
function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = makeLabDirectory()
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The program of a reproducer. */
class Server {
  /** Rejects with a ServerError if the program ends before. */
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  #printed = ''
  #errors = ''

  constructor(child: ChildProcess) {
    this.#child = child
    this.#closed = once(child, 'close')
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString()
    })
    this.ready = new Promise((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        this.#printed += chunk.toString()
        if (this.#printed.startsWith('ready\n')) {
          resolve()
        }
      })
      this.#closed.then(() => {
        const said = lastLineOf(this.#errors)
        reject(new ServerError(`${INTERPRETER} has not started it: ${said}`))
      }, reject)
    })
  }

  /** Ends the program. Returns all that it has printed. */
  async end(): Promise<string> {
    this.#child.kill('SIGKILL')
    await this.#closed
    return this.#printed
  }
}
