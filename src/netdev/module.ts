/**
 * A loaded driver, from init_module to cleanup_module. Every program that runs a driver loads it
 * here: `vnet`, 'vnet/wire', the lab and the test bed.
 */
import { E2BIG, EINVAL, explain, isErrno, UsageError } from '../base/index.ts'
import type { AnyDevice, DeviceSpec, Driver, DriverContext, Params, ParamValues } from './driver.ts'
import { checkSpecs, paramValues } from './driver.ts'
import { NETREG_REGISTERED } from './if.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import { devOpen } from './netif.ts'
import { type RegisterOptions, registerNetdev, unregisterNetdev } from './register.ts'

/** The arguments of init: its own parameters, by default their defaults, and the context. */
export interface ModuleOptions<P extends Params = Params> extends Partial<DriverContext> {
  readonly net: Net
  readonly params?: Partial<ParamValues<P>>
}

/** How Module.up() registers and configures the devices of a module. */
export interface UpOptions {
  /** How the interface of a device is made, besides its network namespace. */
  readonly register?: Omit<RegisterOptions, 'netns'>
  readonly addresses?: readonly (readonly string[] | undefined)[]
  /** Called in order for the registered devices; by default sets `addresses` and brings them up. */
  readonly configure?: (dev: NetDevice, index: number) => Promise<void>
}

export class Module<P extends Params = Params, Dev extends AnyDevice = AnyDevice>
  implements AsyncDisposable
{
  readonly driver: Driver<P, Dev>
  readonly params: ParamValues<P>
  readonly specs: readonly DeviceSpec<Dev>[]
  readonly devices: readonly NetDevice[]
  readonly #net: Net
  #removed: Promise<void> | undefined

  constructor(
    driver: Driver<P, Dev>,
    params: ParamValues<P>,
    specs: readonly DeviceSpec<Dev>[],
    net: Net,
  ) {
    this.driver = driver
    this.params = params
    this.specs = specs
    this.devices = specs.map(({ dev }) => dev as NetDevice)
    this.#net = net
  }

  /**
   * Registers all devices in their order, then configures each. If a step fails, unregisters all of
   * them and throws the error of that step; not even an interface that was to persist remains.
   */
  async up({ register, addresses, configure }: UpOptions = {}): Promise<void> {
    try {
      for (const spec of this.specs) {
        const { dev, netns } = spec
        await spec.prepare?.()
        await registerNetdev(dev as NetDevice, this.#net, { ...register, netns })
      }
      for (const [i, dev] of this.devices.entries()) {
        await (configure?.(dev, i) ?? bringUp(dev, addresses?.[i]))
        await this.specs[i]?.complete?.()
      }
    } catch (error) {
      for (const { port } of this.devices) {
        // The error that is thrown is the first one.
        if (register?.persist && port?.created) {
          await port.apply({ persist: false }).catch(() => {})
        }
      }
      await this.down()
      throw error
    }
  }

  /** Unregisters the devices that are registered, all at the same time. */
  async down(): Promise<void> {
    const registered = this.devices.filter(({ regState }) => regState === NETREG_REGISTERED)
    await Promise.all(registered.map(dev => unregisterNetdev(dev)))
  }

  /** rmmod: unregisters the devices and calls exit; passes its error on. Idempotent. */
  rmmod(): Promise<void> {
    this.#removed ??= this.#remove()
    return this.#removed
  }

  async #remove(): Promise<void> {
    await this.down()
    await this.driver.exit?.()
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.rmmod()
}

async function bringUp(dev: NetDevice, addresses: readonly string[] | undefined): Promise<void> {
  if (addresses !== undefined) {
    await dev.port?.apply({ addresses })
  }
  await devOpen(dev)
}

/**
 * init_module: calls the driver's init. Passes on init's exceptions. Throws a UsageError if init
 * cannot allocate a device or has fewer than `names`, and a VnetError if it returns none.
 */
export function insmod<P extends Params, Dev extends AnyDevice>(
  driver: Driver<P, Dev>,
  { params, ...context }: ModuleOptions<P>,
): Module<P, Dev> {
  const values = paramValues(driver.params, params)
  const { net, netns } = context
  let specs: readonly DeviceSpec<Dev>[]
  try {
    specs = driver.init(values, {
      args: [],
      names: [],
      txqs: undefined,
      rxqs: undefined,
      ...context,
    })
  } catch (error) {
    // If a device cannot be allocated, the arguments are wrong.
    if (!isErrno(error, EINVAL, E2BIG)) throw error
    throw new UsageError(explain(error))
  }
  checkSpecs(driver, specs, net.log)
  const placed = specs.map(spec => ({ ...spec, netns: spec.netns ?? netns }))
  nameDevices(placed, context.names ?? [])
  return new Module(driver, values, placed, net)
}

const PARAM = { type: 'string', description: 'string', parse: 'function' }

/** Returns the driver of a file's module. Throws a UsageError if it exports none. */
export function exportedDriver({ driver }: Record<string, unknown>, file: string): Driver {
  if (
    !has<Driver>(driver, {
      name: 'string',
      description: 'string',
      params: 'object',
      init: 'function',
    })
  ) {
    throw new UsageError(
      `${file} exports no driver: it needs \`export const driver = defineDriver({ ... })\``,
    )
  }
  const wrong = Object.entries(driver.params).find(([, param]) => !has(param, PARAM))
  if (wrong !== undefined) {
    throw new UsageError(`${file}: parameter ${wrong[0]} must be made by int(), bool() or text()`)
  }
  const negative = Object.keys(driver.params).find(name => /^no[A-Z]/.test(name))
  if (negative !== undefined) {
    const positive = negative.charAt(2).toLowerCase() + negative.slice(3)
    const advice = `call it ${positive}; a bool whose default is true has --no-NAME`
    throw new UsageError(`${file}: parameter ${negative}: ${advice}`)
  }
  return driver
}

/** Whether the fields of a value have these types, as typeof names them, and are not null. */
function has<T>(value: unknown, types: Readonly<Record<string, string>>): value is T {
  const fields = (value ?? {}) as Record<string, unknown>
  return Object.entries(types).every(
    ([name, type]) => typeof fields[name] === type && fields[name] !== null,
  )
}

/**
 * Gives the devices these names, in order, even if the driver has ignored the names. Throws a
 * UsageError for more names than devices.
 */
function nameDevices(specs: readonly DeviceSpec[], names: readonly string[]): void {
  if (names.length > specs.length) {
    throw new UsageError(`${names.length} interface names, of which ${specs.length} can be used`)
  }
  for (const [i, name] of names.entries()) {
    specs[i]?.dev.rename(name)
  }
}
