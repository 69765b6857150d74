/**
 * Explores a client and a server that are commands in any language: a fault at each chosen byte of
 * their connections, and verdicts without code (packages/lab/docs/explore-commands.md).
 */
export {
  CleanRunError,
  type HuntCalls,
  type HuntFinding,
  type HuntResult,
  hunt,
  isPassed,
} from './hunt.ts'
export { type HuntCliOptions, type HuntOptions, huntOptions } from './options.ts'
export {
  endJson,
  endText,
  findingJson,
  findingText,
  resultJson,
  resultText,
  startJson,
  startText,
} from './report.ts'
export { tellerOf } from './told.ts'
