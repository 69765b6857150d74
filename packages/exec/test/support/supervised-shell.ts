/**
 * A shell under `vnet exec` that runs the commands of many tests, one at a time: it costs a fork
 * where a `vnet exec` of its own costs the start of a program.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import type { Child, Outcome } from '#support/netns.ts'
import { outcome } from '#support/netns.ts'

const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`

export class SupervisedShell {
  /** How the shell and its supervisor ended. A test expects status 0 and no error. */
  readonly ended: Promise<Outcome>
  readonly #child: Child
  readonly #files: string
  readonly #statuses: AsyncIterator<string>

  /**
   * `child` is a shell with standard streams. `files` is the path prefix of two files that its user
   * may write: the output of the last command.
   */
  constructor(child: Child, files: string) {
    this.ended = outcome(child)
    this.#child = child
    this.#files = files
    this.#statuses = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** Runs a command without input to its end. */
  async run(words: readonly string[]): Promise<Outcome> {
    const [stdout, stderr] = [`${this.#files}.out`, `${this.#files}.err`]
    this.#child.stdin.write(
      `${words.map(quoted).join(' ')} </dev/null >${stdout} 2>${stderr}; echo $?\n`,
    )
    const { value, done } = await this.#statuses.next()
    if (done) throw new Error(`the shell ended: ${JSON.stringify(await this.ended)}`)
    return {
      status: Number(value),
      stdout: readFileSync(stdout, 'utf8'),
      stderr: readFileSync(stderr, 'utf8'),
    }
  }

  /** Lets the shell end, and returns how. */
  end(): Promise<Outcome> {
    this.#child.stdin.end()
    return this.ended
  }
}
