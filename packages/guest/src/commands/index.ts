/** The commands of @vnet/guest, which load their code when they run. */
import type { LazyCommand } from 'vnet/internal/cli/option'

export const commands: readonly LazyCommand[] = []
