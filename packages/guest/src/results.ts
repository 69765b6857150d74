/**
 * Writes the files that a guest has changed into the directory from which the guest had them,
 * except into directories that it did not get, such as .git.
 */
import type { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { attempt, reasonOf } from 'vnet'
import { printable } from 'vnet/kit/base'
import { makeDirectories } from 'vnet/kit/linux'
import { leftOut } from './image/index.ts'
import { fileHead, type MailRecord } from './mail.ts'
import { isBelow } from './programs.ts'

const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants

/** A guest gets at most as many. */
const FILES_MAX = 300_000

/** The contents of a bare repository. */
const OF_REPOSITORY = ['HEAD', 'objects', 'refs']

/**
 * The changed files of one run. A failure of a file is kept in `failures`; the other files are
 * written.
 */
export class Results {
  /** The paths in the directory, in the order of arrival. */
  readonly files: string[] = []
  /** A line for each file that could not be written. */
  readonly failures: string[] = []
  readonly #directory: string | undefined
  readonly #isLeftOut: (at: string) => boolean
  /** The file that is written, beside its place until it is whole. */
  #open: { readonly fd: number; readonly path: string; readonly target: string } | undefined

  /** Without a directory, files are only named. */
  constructor(directory: string | undefined) {
    this.#directory = directory
    this.#isLeftOut = leftOut(directory ?? '/')
  }

  /** Takes a record of a file, of more of its content, or of a symbolic link; ignores others. */
  take({ kind, content }: MailRecord): void {
    if (kind !== 'g') {
      this.close()
    }
    if (kind === 'f') {
      const { mode, path, length } = fileHead(content)
      this.#report(path, () => this.#write(path, mode, content.subarray(length)))
    } else if (kind === 'l') {
      const [path = '', to = ''] = content.toString().split('\0')
      this.#report(path, () => this.#link(path, to))
    } else if (kind === 'g' && this.#open !== undefined) {
      try {
        fs.writeFileSync(this.#open.fd, content)
      } catch (error) {
        this.#fail(this.files.at(-1) as string, error)
      }
    }
  }

  /** Puts the file that is written in its place. */
  close(): void {
    const open = this.#open
    if (open === undefined) return
    try {
      fs.renameSync(open.path, open.target)
      this.#open = undefined
      fs.closeSync(open.fd)
    } catch (error) {
      this.#fail(this.files.at(-1) as string, error)
    }
  }

  /**
   * Returns the places in the directory that Git takes for repositories, and in which the guest has
   * changed something, as text: Git runs programs that the configuration of a repository names.
   */
  get repositories(): string[] {
    const root = this.#directory
    if (root === undefined) return []
    const above = this.files.flatMap(path => {
      const parts = path.split('/')
      return parts.map((_, i) => parts.slice(0, i).join('/'))
    })
    const isRepository = (at: string) =>
      OF_REPOSITORY.every(name => fs.existsSync(join(root, at, name)))
    return [...new Set(above)].filter(isRepository).map(at => printable(at || '.'))
  }

  /** Runs `write`, and keeps the path, and the reason if it fails. */
  #report(path: string, write: () => void): void {
    if (this.#isLeftOut(`/${path}`)) return
    if (this.files.length === FILES_MAX) throw new RangeError(`more than ${FILES_MAX} files`)
    this.files.push(path)
    try {
      write()
    } catch (error) {
      this.#fail(path, error)
    }
  }

  #fail(path: string, error: unknown): void {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) {
      fs.closeSync(open.fd)
      fs.rmSync(open.path, { force: true })
    }
    this.failures.push(printable(`${path} of the guest is not written back: ${reasonOf(error)}`))
  }

  #write(path: string, mode: number, content: Buffer): void {
    const target = this.#target(path)
    if (target === undefined) return
    const old = fs.lstatSync(target, { throwIfNoEntry: false })
    if (old?.isDirectory()) throw new Error('it is a directory here')
    // A new file: another link to the old one, as in a store of packages, keeps its content.
    const beside = `${target}.vnet-${process.pid}`
    const fd = fs.openSync(beside, O_WRONLY | O_CREAT | O_EXCL, mode & 0o777)
    this.#open = { fd, path: beside, target }
    if (old?.isFile()) {
      replaces(fd, old, mode)
    }
    fs.writeFileSync(fd, content)
  }

  #link(path: string, to: string): void {
    const target = this.#target(path)
    if (target === undefined) return
    fs.rmSync(target, { force: true })
    fs.symlinkSync(to, target)
  }

  /**
   * Returns the place of a path of the guest, and makes the directories above it. Returns undefined
   * if files are only named. Throws an Error if the path leads out of the directory.
   */
  #target(path: string): string | undefined {
    const root = this.#directory
    if (root === undefined) return undefined
    const parts = path.split('/')
    const isPlain = parts.every(part => part !== '' && part !== '.' && part !== '..')
    const parent = dirname(join(root, path))
    const existing = [...parts.keys()]
      .map(i => join(root, ...parts.slice(0, -1 - i)))
      .find(each => fs.existsSync(each))
    const real = isPlain ? attempt(() => fs.realpathSync(existing ?? root)) : undefined
    if (real === undefined || !isBelow(real, root) || this.#isLeftOut(real.slice(root.length))) {
      throw new Error(`it is not in ${root}`)
    }
    makeDirectories(parent)
    return join(root, path)
  }
}

/** Gives a new file the owner of the old one, if this user may, and the mode of the guest. */
function replaces(fd: number, { uid, gid }: fs.Stats, mode: number): void {
  attempt(() => fs.fchownSync(fd, uid, gid))
  fs.fchmodSync(fd, mode & 0o777)
}
