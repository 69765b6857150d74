/**
 * Puts a program into Wireshark's folder of extcap programs, or takes it out. It is a script with
 * absolute paths: a desktop session has another PATH than a shell, and Wireshark gives the program
 * options only, no command.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, lstatSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  attempt,
  EEXIST,
  ENOENT,
  EPERM,
  shellWord,
  VnetError,
  withErrno,
} from '../../base/index.ts'
import { installing, makeDirectories, readTextFile } from '../../linux/index.ts'
import { PROGRAM } from '../own-package.ts'

/** The second line of the script, which identifies it. */
const MARK = '# Made by `vnet extcap --install`, removed by `vnet extcap --uninstall`.'
/** Where Wireshark has it, by distribution; the first one that exists. */
const GLOBAL: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu/wireshark/extcap',
  '/usr/lib/aarch64-linux-gnu/wireshark/extcap',
  '/usr/lib64/wireshark/extcap',
  '/usr/lib/wireshark/extcap',
  '/usr/libexec/wireshark/extcap',
]
/** Wireshark 4.2 and newer. */
const PERSONAL = '.local/lib/wireshark/extcap'
const TSHARK_MS = 10_000

/** Returns lines about the changes. Throws a VnetError if it fails. */
export function install(): string[] {
  const file = join(folder(), 'vnet')
  const command = `exec ${shellWord(process.execPath)} ${shellWord(PROGRAM)} extcap "$@"`
  checkOurs(file)
  withErrno(['write', file], () => {
    makeDirectories(dirname(file))
    // Removed first: an existing file would keep its mode.
    rmSync(file, { force: true })
    writeFileSync(file, ['#!/bin/sh', MARK, command, ''].join('\n'), { mode: 0o755 })
  })
  return [
    `${file}: runs ${PROGRAM}`,
    'Wireshark and tshark list the interfaces of running vnets from their next start on (tshark -D)',
  ]
}

export function uninstall(): string[] {
  const file = join(folder(), 'vnet')
  if (!existsSync(file)) return [`${file}: not there`]
  checkOurs(file)
  withErrno(['remove', file], () => rmSync(file))
  return [`${file}: removed`]
}

function checkOurs(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return
  if (attempt(() => readTextFile(file))?.split('\n')[1] === MARK) return
  throw new VnetError(EEXIST, file, 'it is another program, which stays as it is')
}

/** Root installs for all users. Others need a Wireshark that has a folder of the user's own. */
function folder(): string {
  const { personal, global } = foldersOfTshark() ?? {
    personal: join(homedir(), PERSONAL),
    global: GLOBAL.find(existsSync),
  }
  if (process.geteuid?.() === 0) {
    if (global !== undefined) return global
    throw new VnetError(
      ENOENT,
      'extcap folder of Wireshark',
      `there is none: ${installing('tshark')}`,
    )
  }
  if (personal !== undefined) return personal
  // WIRESHARK_EXTCAP_DIR may name one that is the user's.
  if (global !== undefined && attempt(() => accessSync(global, constants.W_OK) ?? true)) {
    return global
  }
  const why = 'this Wireshark has no other folder for extcap programs: run this command as root'
  throw new VnetError(EPERM, `${global}`, why)
}

type Folders = Readonly<{ personal: string | undefined; global: string | undefined }>

/** Returns the folders that tshark itself reports; undefined if it is not installed. */
function foldersOfTshark(): Folders | undefined {
  const { status, stdout } = spawnSync('tshark', ['-G', 'folders'], {
    encoding: 'utf8',
    timeout: TSHARK_MS,
  })
  if (status !== 0) return undefined
  // `Extcap path:` is for all users; Wireshark 4.2 and newer also have a path for the user.
  const after = (name: RegExp) => name.exec(stdout)?.[1]
  return {
    personal: after(/^Personal Extcap path:\s*(\/.*)$/im),
    global: after(/^(?:Global )?Extcap path:\s*(\/.*)$/im),
  }
}
