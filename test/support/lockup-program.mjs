/** The program, after its checks, with a limit for lockups of LIMIT_MS or a short one. */
import { main } from '../../dist/cli/main.js'
import { processIo } from '../../dist/cli/process/process-io.js'

const io = processIo(process, Number(process.env.LIMIT_MS ?? 400))
process.exitCode = await main(process.argv.slice(2), io)
await io.end()
