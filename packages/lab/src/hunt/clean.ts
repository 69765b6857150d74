/** Clean: what a client prints and leaves without faults, by two runs. */
import { Expected, ReturnedText } from '../explore/compared.ts'
import { firstOf } from '../explore/lists.ts'
import type { ClientRun, Content } from './client-run.ts'

/** The name of the standard output in texts. */
export const OUTPUT = 'standard output'

/** What two runs without faults have in common. Lines in which they differ are not compared. */
export class Clean {
  readonly first: ClientRun
  /** A line for each output or file that is not compared. */
  readonly masked: readonly string[]
  readonly #out: Expected
  readonly #files: ReadonlyMap<string, Expected>

  constructor(first: ClientRun, second: ClientRun) {
    this.first = first
    this.#out = new Expected([textOf(first.out), textOf(second.out)])
    const common = [...first.files].flatMap(([path, content]) => {
      const other = second.files.get(path)
      return other === undefined ? [] : [[path, content, other] as const]
    })
    this.#files = new Map(
      common.map(([path, ...contents]) => [path, new Expected(contents.map(textOf))]),
    )
    const single = [...first.files.keys(), ...second.files.keys()].filter(
      path => !this.#files.has(path),
    )
    this.masked = [
      ...maskedLines(OUTPUT, this.#out),
      ...[...this.#files].flatMap(([path, expected]) => maskedLines(path, expected)),
      ...single.map(
        path => `not compared, because only one of the clean runs has left it: ${path}`,
      ),
    ]
  }

  /**
   * Returns how the output and the files of a run differ; undefined if they do not. Files that
   * clean runs do not leave are not compared.
   */
  differenceOf({ out, files }: ClientRun): string | undefined {
    const differences = [
      ...differenceIn(OUTPUT, this.#out, this.first.out, out),
      ...[...this.#files].flatMap(([path, expected]) => {
        return differenceIn(path, expected, this.first.files.get(path) as Content, files.get(path))
      }),
    ]
    return differences.length === 0 ? undefined : firstOf(differences).join('; ')
  }

  /** Whether a run has left a file of the clean runs, but not as they have. */
  hasPartialFile({ files }: ClientRun): boolean {
    return [...this.#files].some(([path, expected]) => {
      const seen = files.get(path)
      return seen !== undefined && expected.differenceOf(textOf(seen)) !== undefined
    })
  }
}

/** Returns a text with a character for each byte. */
function textOf({ start, length, sha256 }: Content): string {
  const text = new ReturnedText()
  text.take(Buffer.from(start.buffer, start.byteOffset, start.length).toString('latin1'))
  // Only its start is in memory.
  return start.length < length ? `${text.end()}\n${length} ${sha256}` : text.end()
}

function maskedLines(what: string, { uncompared, masked }: Expected): string[] {
  if (uncompared !== undefined) return [`not compared: ${what}: ${uncompared}`]
  const lines = masked === 1 ? 'a line' : `${masked} lines`
  return masked === 0 ? [] : [`not compared, because clean runs differ there: ${lines} of ${what}`]
}

function differenceIn(
  what: string,
  expected: Expected,
  clean: Content,
  seen: Content | undefined,
): string[] {
  if (seen === undefined) return [`${what} is missing`]
  if (seen.sha256 === clean.sha256) return []
  const difference = expected.differenceOf(textOf(seen))
  if (difference === undefined) return []
  const lengths =
    seen.length === clean.length
      ? `${seen.length} other bytes`
      : `${seen.length} bytes instead of ${clean.length}`
  return [`${what}: ${lengths}; ${difference}`]
}
