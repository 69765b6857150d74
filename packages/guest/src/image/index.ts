/** The images of a virtual machine: squashfs, made by mksquashfs without root, in the cache. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { attempt } from 'vnet'
import { writeFile } from 'vnet/kit/linux'
import { cacheDirectory, cachedEntry } from '../cache.ts'
import { MEMORIES } from '../machine.ts'
import { GuestSetupError } from '../programs.ts'
import { type BaseImage, baseTree } from './base.ts'
import { changeLine, keepFiles } from './changes.ts'
import { Tree } from './tree.ts'

export { guestPath } from './base.ts'

/**
 * Returns the path of the base image. `print` is called with a line about files that differ from
 * its last image for the same programs. Throws a GuestSetupError.
 */
export function baseImage(base: BaseImage, print: (line: string) => void): Promise<string> {
  const { programs, files, directory } = base
  const request = JSON.stringify([programs, files, directory])
  return imageOf('image', baseTree(base), (making, tree) => {
    const signatures = tree.signatures()
    const line = changeLine(cacheDirectory('guest'), request, signatures)
    if (line !== undefined) {
      print(line)
    }
    keepFiles(making, request, signatures)
  })
}

/**
 * Returns the path of the image of a directory, which the machine mounts at the same path. Rejects
 * with a GuestSetupError if the directory is too large.
 */
export const directoryImage = (directory: string): Promise<string> =>
  imageOf('project', directoryTree(fs.realpathSync(resolvePath(directory))))

const MIB = 1 << 20
const IMAGE = 'squashfs'
/** The newest images of a kind that the cache keeps. */
const KEPT = 4

/** Uncompressed, because the machine would decompress with each start of a program. */
const OPTIONS = [
  ...[
    '-noappend',
    '-all-root',
    '-no-xattrs',
    '-mkfs-time',
    '0',
    '-root-time',
    '0',
    '-root-mode',
    '755',
  ],
  ...['-noI', '-noD', '-noF', '-noX', '-quiet', '-no-progress'],
]

/**
 * Returns the path of the image with these files. It is made if the cache does not have it; then
 * `onMaking` is called first, with the directory of the new entry. The image has the size of the
 * machine's memory `name`. Rejects with a GuestSetupError if the files do not fit, or mksquashfs
 * fails.
 */
export async function imageOf(
  name: 'image' | 'project',
  tree: Tree,
  onMaking: (making: string, tree: Tree) => void = () => {},
): Promise<string> {
  const size = MEMORIES[name] * MIB
  const entry = await cachedEntry(name, tree.digest(`${size} ${OPTIONS}`), KEPT, async making => {
    onMaking(making, tree)
    const image = join(making, IMAGE)
    const texts = join(making, 'texts')
    const definitions = join(making, 'files')
    const empty = join(making, 'empty')
    for (const directory of [texts, empty]) {
      fs.mkdirSync(directory)
    }
    writeFile(definitions, tree.definitions(textWriter(texts)))
    await mksquashfs([empty, image, '-pf', definitions, ...OPTIONS])
    if (fs.statSync(image).size > size) {
      throw new GuestSetupError(
        `the files for the guest have more than ${MEMORIES[name]} MiB: name fewer programs`,
      )
    }
    fs.truncateSync(image, size)
    for (const path of [texts, empty, definitions]) {
      fs.rmSync(path, { recursive: true })
    }
    return true
  })
  return join(entry as string, IMAGE)
}

/** Returns a function that stores a text in a new file of `directory`, with a fixed time. */
function textWriter(directory: string): (content: Uint8Array, mode: number) => string {
  const paths: string[] = []
  return (content, mode) => {
    const path = join(directory, `text${paths.length}`)
    paths.push(path)
    writeFile(path, content)
    fs.chmodSync(path, mode)
    fs.utimesSync(path, 0, 0)
    return path
  }
}

function mksquashfs(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // It accepts no other source of times beside its options.
    const env = { ...process.env, SOURCE_DATE_EPOCH: undefined }
    const child = spawn('mksquashfs', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    child.on('error', reject).on('close', status => {
      if (status === 0) {
        resolve()
      } else {
        reject(new GuestSetupError(`mksquashfs failed: ${errors.trim().split('\n')[0]}`))
      }
    })
  })
}

const LIMITS = { bytes: 2 * 1024 ** 3, files: 300_000 }
const LEFT_OUT = /\/(\.git|\.hg|\.svn|node_modules\/\.(vite|cache))(\/|$)/

/** Returns a function that says whether a guest with a directory has no path `/a/b` of it. */
export function leftOut(directory: string): (at: string) => boolean {
  const cache = fs.realpathSync(cacheDirectory('.'))
  return at => LEFT_OUT.test(at) || `${directory}${at}/`.startsWith(`${cache}/`)
}

/**
 * Returns the files of a directory, which is `/` in the tree. Sockets, devices, and files that this
 * user cannot read are left out. Throws a GuestSetupError if the directory is over the limits.
 */
export function directoryTree(directory: string, limits: Readonly<typeof LIMITS> = LIMITS): Tree {
  const tree = new Tree()
  const count = { bytes: 0, files: 0 }
  const isLeftOut = leftOut(directory)
  const add = (from: string, to: string): void => {
    for (const name of (attempt(() => fs.readdirSync(from)) ?? []).sort()) {
      const [path, at] = [join(from, name), `${to}/${name}`]
      const stats = isLeftOut(at) ? undefined : attempt(() => fs.lstatSync(path))
      if (stats === undefined) continue
      count.files += 1
      if (stats.isFile()) {
        count.bytes += stats.size
      }
      if (count.bytes > limits.bytes || count.files > limits.files) {
        throw tooLarge(directory, limits)
      }
      if (stats.isSymbolicLink()) {
        tree.addLink(at, attempt(() => fs.readlinkSync(path)) ?? '')
      } else if (stats.isDirectory()) {
        tree.addDirectory(at, stats.mode)
        add(path, at)
      } else {
        tree.addFile(at, path, stats)
      }
    }
  }
  add(directory, '')
  return tree
}

function tooLarge(directory: string, { bytes, files }: Readonly<typeof LIMITS>): GuestSetupError {
  const most = `${bytes / 1024 ** 3} GiB or ${files} files`
  return new GuestSetupError(
    `${directory} has more than ${most}: start in a smaller directory, and name others by --file`,
  )
}
