/** `vnet doctor`: what works on this machine, and the command that mends what does not. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { arch, release, tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { attempt, EINVAL, explain, failedCall, withErrno } from '../../base/errno.ts'
import { cachePath, inCache, makeTemporaryDirectory } from '../../linux/files.ts'
import { loadNative, whyNotLinux } from '../../linux/native.ts'
import { whyNoLibpcap } from '../../linux/pcap-filter.ts'
import { findProgram } from '../../linux/programs.ts'
import { REQUIREMENTS, type System } from '../../linux/requirements.ts'
import { whyNoNamespaces, whyNotConfined } from '../../linux/rootless.ts'
import { complain, EXIT_FAILURE, EXIT_OK, type Io } from '../process/io.ts'

/** Milliseconds in which a program prints its help. */
const LIMIT_MS = 10_000

const THIS: System = {
  arch: arch(),
  release: release(),
  groups: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])],
  open(path) {
    try {
      fs.closeSync(fs.openSync(path, fs.constants.O_RDWR))
      return 0
    } catch (error) {
      return failedCall(error)?.errno ?? EINVAL
    }
  },
  mode: path => (fs.statSync(path).mode & 0o777).toString(8).padStart(3, '0'),
  read: path => attempt(() => fs.readFileSync(path, 'utf8')),
  find: findProgram,
  output(program, ...args) {
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: LIMIT_MS })
    return `${stdout}${stderr}`
  },
  whyNot: {
    addon: () => messageOf(loadNative),
    namespaces: () => messageOf(whyNoNamespaces),
    confinement: () => messageOf(whyNotConfined),
    libpcap: () => messageOf(whyNoLibpcap),
  },
  free: kind =>
    kind === 'temporary'
      ? freeForTemporary()
      : inCache(cachePath('.'), () => freeIn(cachePath('.'))),
}

/** Returns the status 0 if all works that the usual commands need, else 1. */
export function doctor(
  { json = false }: { readonly json: boolean | undefined },
  io: Io,
  system = THIS,
): number {
  const why = whyNotLinux()
  if (why !== undefined) {
    complain(io, why)
    return EXIT_FAILURE
  }
  let status = EXIT_OK
  for (const { name, commands, isUsual, check } of REQUIREMENTS) {
    const found = check(system)
    const works = 'works' in found
    const text = works ? found.works : found.refusal
    if (!works && isUsual) {
      status = EXIT_FAILURE
    }
    if (json) {
      io.out(
        `${JSON.stringify({ event: 'requirement', requirement: name, works, usual: isUsual, text, commands })}\n`,
      )
    } else {
      const missing = isUsual ? 'missing' : 'optional'
      const state = works ? 'ok' : missing
      io.out(
        `${state.padEnd(8)}  ${name}: ${text}\n${works ? '' : `${' '.repeat(10)}for ${commands}\n`}`,
      )
    }
  }
  return status
}

/** Returns what `why` returns, or the message of the error that it throws. */
function messageOf(why: () => unknown): string | undefined {
  try {
    const found = why()
    return typeof found === 'string' ? found : undefined
  } catch (error) {
    return explain(error as Error)
  }
}

function freeForTemporary(): number {
  fs.rmdirSync(makeTemporaryDirectory('vnet-doctor-'))
  return freeIn(tmpdir())
}

/** Returns the free bytes where a directory is, or can be made. */
function freeIn(path: string): number {
  if (!fs.existsSync(path)) return freeIn(dirname(path))
  withErrno(['access', path], () => fs.accessSync(path, fs.constants.W_OK))
  const { bavail, bsize } = fs.statfsSync(path)
  return bavail * bsize
}
