// Resources against AWS's own specification of their types: names, types and values of properties,
// required ones.

import { intrinsic } from './cloudformation_yaml.mjs';

// What SAM hands on to the type beneath it, whether its own specification tells of it or not.
const beneath = {
  'AWS::Serverless::Function': 'AWS::Lambda::Function',
  'AWS::Serverless::StateMachine': 'AWS::StepFunctions::StateMachine',
};
const handedOn = [
  'Architectures', 'Environment', 'EphemeralStorage', 'FunctionName', 'LoggingConfig', 'MemorySize',
  'Runtime', 'RuntimeManagementConfig', 'SnapStart', 'Timeout',
];
// The specification has these as any text.
const known = {
  Architectures: ['arm64', 'x86_64'],
  Runtime: ['provided.al2023'],
  BillingMode: ['PAY_PER_REQUEST', 'PROVISIONED'],
};
const limits = { MemorySize: [128, 10240], Timeout: [1, 900] };
const requiredBySam = {
  'AWS::Serverless::Function': ['CodeUri', 'Handler', 'Runtime', 'Role'],
  'AWS::Serverless::StateMachine': ['DefinitionUri', 'Role'],
};

export class ResourceTypes {
  constructor(database) {
    this.database = database;
  }

  find(type) {
    return this.database.lookup('resource', 'cloudFormationType', 'equals', type)[0];
  }

  /** Whether `!GetAtt resource.attribute` works on a resource of this type. */
  hasAttribute(type, attribute) {
    return [type, beneath[type]].some((t) => t && attribute in (this.find(t)?.attributes ?? {}));
  }

  /** The problems of one resource, globals already in its properties. */
  check(name, { Type: type, Properties: properties = {} }) {
    const resource = this.find(type);
    if (!resource) return [`${name}: there is no resource type ${type}`];
    const found = [];
    const known = { ...resource.properties };
    const lower = beneath[type] && this.find(beneath[type]).properties;
    for (const property of beneath[type] === 'AWS::Lambda::Function' ? handedOn : []) {
      if (lower[property]) known[property] = lower[property];
    }
    this.#checkProperties(properties, known, name, found);
    for (const property of requiredBySam[type] ?? []) {
      if (!(property in properties)) found.push(`${name}: needs ${property}`);
    }
    return found;
  }

  #checkProperties(value, specification, path, found) {
    for (const [name, inner] of Object.entries(value)) {
      if (!(name in specification)) {
        found.push(`${path}: has no property ${name}`);
      } else {
        this.#checkValue(inner, specification[name].type, `${path}.${name}`, found);
        this.#checkText(name, inner, `${path}.${name}`, found);
      }
    }
    for (const [name, { required }] of Object.entries(specification)) {
      if (required && !(name in value)) found.push(`${path}: needs ${name}`);
    }
  }

  #checkText(name, value, path, found) {
    for (const text of [value].flat()) {
      if (known[name] && !intrinsic(text) && !known[name].includes(text)) {
        found.push(`${path}: is ${JSON.stringify(text)}, must be one of ${known[name].join(', ')}`);
      }
      const [least, most] = limits[name] ?? [];
      if (typeof text === 'number' && (text < least || text > most)) {
        found.push(`${path}: is ${text}, must be from ${least} to ${most}`);
      }
    }
  }

  #checkValue(value, type, path, found) {
    const call = intrinsic(value);
    if (call === 'Fn::If') {
      for (const branch of value['Fn::If'].slice(1)) this.#checkValue(branch, type, path, found);
      return;
    }
    if (call === 'Ref' && value.Ref === 'AWS::NoValue') return;
    const wrong = (expected) => found.push(`${path}: must be ${expected}, not ${JSON.stringify(value)}`);
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    switch (type.type) {
      case 'string':
      case 'date-time':
        if (typeof value !== 'string' && !call) wrong('text');
        break;
      case 'number':
      case 'integer':
        if (typeof value !== 'number' && !call) wrong('a number');
        break;
      case 'boolean':
        if (typeof value !== 'boolean' && !call) wrong('true or false');
        break;
      case 'array':
        if (!Array.isArray(value)) return void wrong('a list');
        value.forEach((item, i) => this.#checkValue(item, type.element, `${path}[${i}]`, found));
        break;
      case 'map':
        if (!isObject || call) return void wrong('a map');
        for (const [key, item] of Object.entries(value)) {
          this.#checkValue(item, type.element, `${path}.${key}`, found);
        }
        break;
      case 'ref': {
        if (!isObject || call) return void wrong('a map');
        const { properties } = this.database.get('typeDefinition', type.reference.$ref);
        this.#checkProperties(value, properties, path, found);
        break;
      }
      case 'tag':
        if (!isObject || !('Key' in value) || !('Value' in value)) wrong('a Key and a Value');
        break;
      case 'union': {
        const attempts = type.types.map((option) => {
          const problems = [];
          this.#checkValue(value, option, path, problems);
          return problems;
        });
        // Of the option that was meant: one that the value has the shape of, if there is any.
        const misfit = (problems) => problems.some((p) => p.startsWith(`${path}: must be`)) * 1000 + problems.length;
        found.push(...attempts.reduce((a, b) => (misfit(b) < misfit(a) ? b : a)));
        break;
      }
      case 'json':
        if (!isObject && typeof value !== 'string') wrong('a JSON object');
        break;
      default:
        throw new Error(`${path}: the specification has an unknown type ${type.type}`);
    }
    if (type.allowedValues && !call && !type.allowedValues.includes(value)) {
      found.push(`${path}: is ${JSON.stringify(value)}, must be one of ${type.allowedValues.join(', ')}`);
    }
  }
}
