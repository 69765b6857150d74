/**
 * The program, after its checks, with a limit for lockups of LIMIT_MS or a short one. How long the
 * main thread may take to be interrupted does not matter to a test: it is either very long, or with
 * SYSTEM_CALL short.
 */
import { main } from '../../dist/cli/main.js'
import { processIo } from '../../dist/cli/process-io.js'

const { LIMIT_MS = '400', SYSTEM_CALL } = process.env
const patienceMs = SYSTEM_CALL === undefined ? 600_000 : 10
const io = processIo(process, { limitMs: Number(LIMIT_MS), patienceMs })
process.exitCode = await main(process.argv.slice(2), io)
await io.end()
