/** Runs programs of tried-programs.ts in `vnet run`. */
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { standInInternet } from './internet.ts'
import type { Place, Serve } from './program-servers.ts'
import type { Tried } from './tried-programs.ts'

/** The round trip of the wire, in seconds. */
const ROUND_TRIP = 0.04
const WIRE = ['--wire', 'delay 20ms']

export function triedPrograms() {
  const site = freshDirectory(0o755)
  const { server, directory, vnet } = standInInternet(site)
  const report = join(directory, 'report.json')

  /** Makes the home of the user, and starts the servers. Returns the user's command prefix. */
  async function open(
    serve?: Serve,
  ): Promise<{ readonly place: Place; readonly user: readonly string[] }> {
    const place = { server, site, home: join(directory, 'home') }
    mkdirSync(place.home)
    chownSync(place.home, NOBODY, NOBODY)
    await serve?.(place)
    const words = vnet('run', { before: `export HOME=${place.home}` })
    return { place, user: words.slice(0, -1) }
  }

  /** Expects that a program prints what it must, and that its packets have crossed the wire. */
  async function expectRun({ serve, command, output }: Tried): Promise<void> {
    const { user } = await open(serve)
    const options = [...WIRE, '--quiet', '--json', report]
    const { status, stdout, stderr } = ended([
      ...user,
      'run',
      ...options,
      '--',
      'sh',
      '-ec',
      command,
    ])
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(output),
      stderr: expect.any(String),
    })
    const { seconds, out, in: into } = JSON.parse(readFileSync(report, 'utf8'))
    expect(seconds).toBeGreaterThan(ROUND_TRIP)
    expect(Math.min(out.packets, out.bytes, into.packets, into.bytes)).toBeGreaterThan(0)
  }

  return { open, expectRun, report }
}
