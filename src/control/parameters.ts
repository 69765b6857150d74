/** GET_PARAM and SET_PARAM: the parameters of the driver, as text, as on its command line. */
import { formatParam, type Param, UsageError } from '../core/driver.ts'
import { EINVAL, ENOENT, EOPNOTSUPP } from '../core/errno.ts'
import {
  getParamRequest,
  setParamRequest,
  VNET_ATTR_DRIVER,
  VNET_ATTR_PARAM_DESCRIPTION,
  VNET_ATTR_PARAM_LIVE,
  VNET_ATTR_PARAM_NAME,
  VNET_ATTR_PARAM_RANGE,
  VNET_ATTR_PARAM_TYPE,
  VNET_ATTR_PARAM_VALUE,
  VNET_CMD_GET_PARAM,
  VNET_CMD_SET_PARAM,
} from './family.ts'
import { type Operation, operation, type Write } from './operation.ts'
import { MissingAttribute, Refusal } from './refusal.ts'
import { type Module, moduleOf, type Subject } from './subject.ts'

export function parameters(subject: Subject): Operation[] {
  const getParam = operation({
    cmd: VNET_CMD_GET_PARAM,
    policy: getParamRequest,
    doit(request) {
      const module = moduleOf(subject, request)
      const { paramName } = request
      if (paramName === undefined) throw new MissingAttribute(VNET_ATTR_PARAM_NAME, 'the request names no parameter')
      return describe(module, paramName, find(module, paramName))
    },
    dumpit(request) {
      const module = moduleOf(subject, request)
      return Object.entries(module.params)
        .filter(([name]) => (request.paramName ?? name) === name)
        .map(([name, param]) => describe(module, name, param))
    },
  })
  const setParam = operation({
    cmd: VNET_CMD_SET_PARAM,
    changes: true,
    policy: setParamRequest,
    doit(request) {
      const module = moduleOf(subject, request)
      const { paramName, paramValue } = request
      const param = find(module, paramName)
      if (!param.live) {
        const text = `${paramName} is given to ${module.name} when it starts, and stays as it is`
        throw new Refusal(EOPNOTSUPP, VNET_ATTR_PARAM_NAME, text)
      }
      module.values[paramName] = parse(param, paramValue)
      return undefined
    },
  })
  return [getParam, setParam]
}

function find({ name: driver, params }: Module, name: string): Param<unknown> {
  if (Object.hasOwn(params, name)) return params[name]
  const known = Object.keys(params).join(', ')
  const text = `${driver} has no parameter ${name}${known === '' ? '' : `, only ${known}`}`
  throw new Refusal(ENOENT, VNET_ATTR_PARAM_NAME, text)
}

function parse(param: Param<unknown>, text: string): unknown {
  try {
    return param.parse(text)
  } catch (error) {
    if (error instanceof UsageError) throw new Refusal(EINVAL, VNET_ATTR_PARAM_VALUE, error.message)
    throw error
  }
}

function describe({ name: driver, values }: Module, name: string, param: Param<unknown>): Write {
  return builder => {
    builder.string(VNET_ATTR_DRIVER, driver).string(VNET_ATTR_PARAM_NAME, name)
    builder.string(VNET_ATTR_PARAM_VALUE, formatParam(param, values[name])).string(VNET_ATTR_PARAM_TYPE, param.type)
    if (param.live) builder.flag(VNET_ATTR_PARAM_LIVE)
    builder.string(VNET_ATTR_PARAM_DESCRIPTION, param.description)
    if (param.range !== undefined) builder.string(VNET_ATTR_PARAM_RANGE, param.range)
  }
}
