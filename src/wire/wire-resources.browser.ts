/** What wire-resources.node.ts is in a browser: filters without libpcap, and no files. */
import { UsageError } from '../base/usage-error.ts'
import type { WireResources } from '../netdev/device-wire.ts'
import { BpfProgram, type CompiledFilter, packetFilter } from '../packet/bpf.ts'
import { compileExpression } from '../packet/filter-expression.ts'

export class LinuxWireResources implements WireResources {
  filter(text: string): CompiledFilter {
    try {
      return packetFilter(text, new BpfProgram(compileExpression(text)))
    } catch (error) {
      throw error instanceof RangeError
        ? new UsageError(`filter '${text}': ${error.message}`)
        : error
    }
  }

  file(path: string): never {
    throw new UsageError(`${path}: a page can name no file`)
  }
}
