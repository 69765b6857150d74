/** LabCaptures: the files in which a lab records its links; they are kept only if a test fails. */
import { existsSync, mkdtempSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class LabCaptures {
  readonly #directory: string
  readonly #names: string[] = []
  /** Where they are kept. */
  #kept: string | undefined

  /** The files are in `directory`, which is removed with the lab. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** Returns the path of the file of a link between two namespaces. */
  add(a: string, b: string): string {
    const name = [a, b].join('-')
    const same = this.#names.filter(other => other.replace(/(\.\d+)?\.pcapng$/, '') === name).length
    const file = same === 0 ? `${name}.pcapng` : `${name}.${same + 1}.pcapng`
    this.#names.push(file)
    return join(this.#directory, file)
  }

  /** Returns where the files will be kept. */
  keep(): readonly string[] {
    if (this.#names.length === 0) return []
    this.#kept ??= mkdtempSync(join(tmpdir(), 'vnet-captures-'))
    return this.#names.map(name => join(this.#kept as string, name))
  }

  /** Moves the files to where they are kept, if they are. */
  move(): void {
    if (this.#kept === undefined) return
    for (const name of this.#names) {
      const from = join(this.#directory, name)
      // A link that could not be made has none.
      if (existsSync(from)) renameSync(from, join(this.#kept, name))
    }
    this.#names.length = 0
  }
}
