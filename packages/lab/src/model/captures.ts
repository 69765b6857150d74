/**
 * LabCaptures: the files in which a lab records its links. They are kept only if a test fails, or
 * if the environment variable VNET_CAPTURE names a directory: then every link is recorded there.
 */
import { existsSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { asUsageError } from 'vnet/kit/base'
import { makeDirectories, makeTemporaryDirectory } from 'vnet/kit/linux'

/**
 * The capture files of one lab. `add` names them, `keep` decides that they remain, and `move` moves
 * kept files there at the end of the lab.
 */
export class LabCaptures {
  readonly #place: { readonly directory: string }
  readonly #names: string[] = []
  #kept: string | undefined

  /**
   * Files are written to the directory of `place`, which is removed with the lab. With VNET_CAPTURE
   * they are written to a new directory there, which is named after the lab and kept. `all` has the
   * same meaning. Throws a UsageError if it cannot be made.
   */
  constructor(place: { readonly directory: string }, lab: string, all?: string) {
    this.#place = place
    const VNET_CAPTURE = all ?? process.env.VNET_CAPTURE ?? ''
    if (VNET_CAPTURE === '') return
    this.#kept = asUsageError(`VNET_CAPTURE=${VNET_CAPTURE}`, () => {
      makeDirectories(VNET_CAPTURE)
      return makeTemporaryDirectory(`${lab}-`, resolve(VNET_CAPTURE))
    })
    this.#place = { directory: this.#kept }
  }

  get isAll(): boolean {
    return this.#kept !== undefined && this.#kept === this.#place.directory
  }

  /** Returns the path of the file of a link that joins `ends`. */
  add(...ends: readonly string[]): string {
    const name = ends.join('-')
    const same = this.#names.filter(other => other.replace(/(\.\d+)?\.pcapng$/, '') === name).length
    const file = same === 0 ? `${name}.pcapng` : `${name}.${same + 1}.pcapng`
    this.#names.push(file)
    return join(this.#place.directory, file)
  }

  /** Returns the directory in which the files will be kept. */
  keep(): readonly string[] {
    if (this.#names.length === 0) return []
    this.#kept ??= makeTemporaryDirectory('vnet-captures-')
    return this.#names.map(name => join(this.#kept as string, name))
  }

  move(): void {
    if (this.#kept === undefined || this.isAll) return
    for (const name of this.#names) {
      const from = join(this.#place.directory, name)
      // A link that could not be made has no file.
      if (existsSync(from)) {
        renameSync(from, join(this.#kept, name))
      }
    }
    this.#names.length = 0
  }
}
