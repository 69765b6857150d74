/**
 * The traces of `vnet run` outside its process. If vnet is killed, another process removes them.
 */
import { randomBytes } from 'node:crypto'
import { rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from 'vnet'
import { makeRunDirectory, namedDirectory, privateCandidates } from 'vnet/kit/control'
import { startRemover } from 'vnet/kit/linux'

/** How often the directory is made again if another vnet, which ends, removes it. */
const TRIES = 10

export class RunTraces implements Disposable {
  /**
   * The directories of the user's control sockets, which the command sees empty. A file keeps each
   * of them: another vnet that ends removes an empty one, and with it what is mounted there.
   */
  readonly directories: readonly string[]
  readonly #name = `${process.pid}-${randomBytes(6).toString('hex')}.run`
  /** Without it, the next lab removes them. */
  readonly #remover = startRemover()

  constructor() {
    const own = this.#keepOwn()
    const others = privateCandidates()
      .flatMap(namedDirectory)
      .filter(({ path, uid }) => path !== own && uid === process.geteuid?.())
      .filter(({ path }) => attempt(() => this.#keep(path)) !== undefined)
    this.directories = [own, ...others.map(({ path }) => path)]
    this.removeLast(join(own, `${process.pid}-*`), ...this.directories.map(path => `${path}/`))
  }

  /** Has paths, or other texts of native/rootless/remove-after.h, removed if vnet is killed. */
  removeLast(...texts: readonly string[]): void {
    for (const text of texts) {
      this.#remover.stdin?.write(`${text}\0`)
    }
  }

  /** Releases the directories. */
  [Symbol.dispose](): void {
    for (const path of this.directories) {
      attempt(() => unlinkSync(join(path, this.#name)))
      attempt(() => rmdirSync(path))
    }
  }

  #keepOwn(): string {
    for (let tries = TRIES; ; tries--) {
      const { path } = makeRunDirectory(privateCandidates())
      if (tries === 1) return this.#keep(path)
      if (attempt(() => this.#keep(path)) !== undefined) return path
    }
  }

  #keep(path: string): string {
    const file = join(path, this.#name)
    this.removeLast(file)
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
    return path
  }
}
