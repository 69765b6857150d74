/** Explores the scenario of echo.mjs, a request and its reply, with a bug. */
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ExploreOptions,
  type ExploreReport,
  explore,
} from '../../../packages/lab/src/index.ts'
import { afterEachTest } from '../after-each.ts'

const ECHO = new URL('echo.mjs', import.meta.url)
export const REQUEST = 'client-server ab udp client:* > server:5000 packet 1'
export const ANSWER = 'client-server ba udp server:5000 > client:* packet 1'

/** The directory of captures, which exists during a test. */
export const captures = join(tmpdir(), `vnet-test-echo-${process.pid}`)

afterEachTest(() => {
  delete process.env.ECHO_BUG
  rmSync(captures, { recursive: true, force: true })
})

/** Explores the module with a bug, which the processes of its runs read. */
export function exploreEcho(bug: string, options: ExploreOptions = {}): Promise<ExploreReport> {
  process.env.ECHO_BUG = bug
  mkdirSync(captures, { recursive: true })
  return explore(ECHO, { timeout: 5000, captures, ...options })
}

export const faults = ({ failures }: ExploreReport) =>
  failures.map(failure => failure.faults.join())
