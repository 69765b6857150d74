/**
 * Reads the configuration of `vnet lan` from YAML or JSON and fills in its defaults. A file that is
 * invalid is rejected with the position of every problem: `lan.yaml:12:5: hosts[3].ip: ...`.
 */
import { ConfigFile } from 'vnet/internal/base/config-file'
import { VnetError } from 'vnet/internal/base/errno'
import { readTextFile } from 'vnet/internal/linux/regular-file'
import { dhcpConfig } from '../services/dhcp/config.ts'
import { checkTogether } from './check.ts'
import { complete, type LanConfig, type LanDefaults } from './defaults.ts'
import { type LanFile, lanSchema } from './schema.ts'

const MAX_BYTES = 1 << 20

/** Reads the file at `path`. Throws a UsageError if that fails, a FileError if it is invalid. */
export function loadLanConfig(path: string, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(readTextFile(path, MAX_BYTES), path, defaults)
}

/** Completes a configuration that is an object. Throws a UsageError if it is invalid. */
export function toLanConfig(file: LanFile, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(JSON.stringify(file), undefined, defaults)
}

/** Parses the text of the file `name`. Throws a FileError; without a name, a UsageError. */
export function parseLanConfig(text: string, name?: string, defaults?: LanDefaults): LanConfig {
  const problems = new ConfigFile(name)
  const file = (problems.read(text, lanSchema) ?? {}) as LanFile
  const config = complete(file, defaults)
  checkTogether(file, config, problems)
  problems.throwIfAny()
  checkDhcp(config, problems)
  problems.throwIfAny()
  return config
}

/** Reports the DHCP server's objections. Its errors name the place: `dhcp.options.mtu`. */
function checkDhcp({ dhcp }: LanConfig, problems: ConfigFile): void {
  try {
    if (dhcp !== undefined) dhcpConfig(dhcp)
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    problems.add(error.syscall, error.advice ?? error.message)
  }
}
