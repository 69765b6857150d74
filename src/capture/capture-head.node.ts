/** The system and the program that a capture names as its origin. */
import { createRequire } from 'node:module'
import { release, type } from 'node:os'
import { wallTime } from '../linux/clock.ts'
import type { CaptureSetup } from './capture.ts'

// Read at the start: later root may not be able to. src/linux and dist/linux are equally deep.
const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string }

/** Returns the options of a Capture that this system and program give it. */
export function captureHead(): Pick<CaptureSetup, 'wallTime' | 'os' | 'program'> {
  return { wallTime, os: `${type()} ${release()}`, program: `vnet ${version}` }
}
