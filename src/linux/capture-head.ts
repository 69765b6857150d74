/** The system and the program that a capture names as its origin. */
import { createRequire } from 'node:module'
import { release, type } from 'node:os'
import type { CaptureOptions } from '../capture/capture.ts'
import { wallTime } from './clock.ts'

/** Returns the options of a Capture that this system and program give it. */
export function captureHead(): Pick<CaptureOptions, 'wallTime' | 'os' | 'program'> {
  // src/linux and dist/linux are equally deep.
  const { version } = createRequire(import.meta.url)('../../package.json')
  return { wallTime, os: `${type()} ${release()}`, program: `vnet ${version}` }
}
