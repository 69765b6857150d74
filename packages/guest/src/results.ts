/**
 * Writes the files that a guest has changed into the directory from which it had them, except
 * directories that it did not get, such as .git.
 */
import type { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { leftOut } from './image/directory.ts'
import { fileHead, type MailRecord } from './mail.ts'
import { isBelow } from './programs.ts'

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

/** A guest gets at most as many. */
const FILES_MAX = 300_000

export class Results {
  /** The paths in the directory, in the order of arrival. */
  readonly files: string[] = []
  /** A line for each file that could not be written. */
  readonly failures: string[] = []
  readonly #directory: string | undefined
  readonly #isLeftOut: (at: string) => boolean
  #fd: number | undefined

  /** Without a directory, files are only named. */
  constructor(directory: string | undefined) {
    this.#directory = directory
    this.#isLeftOut = leftOut(directory ?? '/')
  }

  /** Takes a record of a file, of more of its content, or of a symbolic link; ignores others. */
  take({ kind, content }: MailRecord): void {
    if (kind !== 'g') this.close()
    if (kind === 'f') {
      const { mode, path, length } = fileHead(content)
      this.#report(path, () => this.#write(path, mode, content.subarray(length)))
    } else if (kind === 'l') {
      const [path = '', to = ''] = content.toString().split('\0')
      this.#report(path, () => this.#link(path, to))
    } else if (kind === 'g' && this.#fd !== undefined) {
      try {
        writeAll(this.#fd, content)
      } catch (error) {
        this.#fail(this.files.at(-1) as string, error as Error)
      }
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Runs `write`, and keeps the path, and the reason if it fails. */
  #report(path: string, write: () => void): void {
    if (this.#isLeftOut(`/${path}`)) return
    if (this.files.length === FILES_MAX) throw new RangeError(`more than ${FILES_MAX} files`)
    this.files.push(path)
    try {
      write()
    } catch (error) {
      this.#fail(path, error as Error)
    }
  }

  #fail(path: string, { message }: Error): void {
    this.close()
    this.failures.push(`${path} of the guest is not written back: ${message}`)
  }

  #write(path: string, mode: number, content: Buffer): void {
    const target = this.#target(path)
    if (target === undefined) return
    const old = lstatSync(target, { throwIfNoEntry: false })
    // A link must not lead the content elsewhere, and a FIFO would block this process.
    if (old !== undefined && !old.isFile() && !old.isDirectory()) rmSync(target)
    this.#fd = openSync(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode & 0o777)
    if (old?.isFile()) fchmodSync(this.#fd, mode & 0o777)
    writeAll(this.#fd, content)
  }

  #link(path: string, to: string): void {
    const target = this.#target(path)
    if (target === undefined) return
    rmSync(target, { force: true })
    symlinkSync(to, target)
  }

  /**
   * Returns the place of a path of the guest, and makes the directories above it. Throws an Error
   * if the path leads out of the directory.
   */
  #target(path: string): string | undefined {
    const root = this.#directory
    if (root === undefined) return undefined
    const parts = path.split('/')
    const isPlain = parts.every(part => part !== '' && part !== '.' && part !== '..')
    const parent = dirname(join(root, path))
    const existing = [...parts.keys()].map(i => join(root, ...parts.slice(0, -1 - i))).find(each => existsSync(each))
    const real = isPlain ? attempt(() => realpathSync(existing ?? root)) : undefined
    if (real === undefined || !isBelow(real, root) || this.#isLeftOut(real.slice(root.length))) {
      throw new Error(`it is not in ${root}`)
    }
    mkdirSync(parent, { recursive: true })
    return join(root, path)
  }
}

function writeAll(fd: number, content: Buffer): void {
  for (let at = 0; at < content.length; ) at += writeSync(fd, content, at)
}
