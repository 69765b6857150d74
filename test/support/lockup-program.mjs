/**
 * The program, after its checks, with a short limit for lockups. How long the main thread may take
 * to be interrupted does not matter to a test: it is either very long, or with SYSTEM_CALL short.
 */
import { main } from '../../dist/cli/main.js'
import { processIo } from '../../dist/cli/process-io.js'

const patienceMs = process.env.SYSTEM_CALL === undefined ? 600_000 : 10
const io = processIo(process, { limitMs: 400, patienceMs })
process.exitCode = await main(process.argv.slice(2), io)
await io.end()
