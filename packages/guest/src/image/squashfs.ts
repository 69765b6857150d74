/** Images in the cache: squashfs, made by mksquashfs without root, and named by their content. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { cacheDirectory, removeOld } from '../cache.ts'
import { MEMORIES } from '../machine.ts'
import { GuestSetupError } from '../programs.ts'
import type { Tree } from './tree.ts'

const MIB = 1 << 20
/** The newest images of a kind that the cache keeps. */
const KEPT = 4

/** Uncompressed, because the machine would decompress with each start of a program. */
const OPTIONS = [
  ...['-noappend', '-all-root', '-no-xattrs', '-mkfs-time', '0', '-root-time', '0', '-root-mode', '755'],
  ...['-noI', '-noD', '-noF', '-noX', '-quiet', '-no-progress'],
]

/**
 * Returns the path of the image with these files, which is made if the cache does not have it. It
 * has the size of the machine's memory `name`. Throws a GuestSetupError.
 */
export async function imageOf(name: 'image' | 'project', tree: Tree): Promise<string> {
  const cache = cacheDirectory('guest')
  const path = join(cache, `${name}-${tree.digest()}.squashfs`)
  // The time says when it was used last.
  if (attempt(() => utimesSync(path, new Date(), new Date()) ?? true)) return path
  const making = mkdtempSync(join(cache, 'making-'))
  try {
    const image = join(making, 'image')
    const empty = join(making, 'empty')
    const definitions = join(making, 'files')
    mkdirSync(empty)
    writeFileSync(definitions, tree.definitions(textWriter(making)))
    await mksquashfs([empty, image, '-pf', definitions, ...OPTIONS])
    const size = MEMORIES[name] * MIB
    if (statSync(image).size > size) {
      throw new GuestSetupError(`the files for the guest have more than ${MEMORIES[name]} MiB: name fewer programs`)
    }
    truncateSync(image, size)
    renameSync(image, path)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  removeOld(cache, new RegExp(`^${name}-.*\\.squashfs$`), KEPT)
  return path
}

/** Returns a function that stores a text in a new file of `directory`, with a fixed time. */
function textWriter(directory: string): (content: Uint8Array, mode: number) => string {
  const paths: string[] = []
  return (content, mode) => {
    const path = join(directory, `text${paths.length}`)
    paths.push(path)
    writeFileSync(path, content)
    chmodSync(path, mode)
    utimesSync(path, 0, 0)
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
      if (status === 0) resolve()
      else reject(new GuestSetupError(`mksquashfs failed: ${errors.trim().split('\n')[0]}`))
    })
  })
}
