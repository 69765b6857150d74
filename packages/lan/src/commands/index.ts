/** The commands of a running lan, which load their code when they run. */
import { commandsOf, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { PARSERS } from 'vnet/internal/cli/parse/options'
import texts from './commands.json' with { type: 'json' }

export const commands: readonly LazyCommand[] = commandsOf(
  texts,
  { show: async (io, name, options) => (await import('./lan-show.ts')).lanShow(name, options, io) },
  PARSERS,
)
