/** The driver file of live.test.ts, which compiles it. Its machine ends with its driver. */
import { pairDriver, startPairMachine } from './pair.ts'

const machine = await startPairMachine()

export const driver = { ...pairDriver(machine), exit: () => machine.close() }
