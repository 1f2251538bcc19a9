// CloudFormation's YAML: !Sub text is {"Fn::Sub": text} and so on.

const intrinsics = [
  'And', 'Base64', 'Cidr', 'Equals', 'FindInMap', 'GetAtt', 'GetAZs', 'If', 'ImportValue', 'Join',
  'Not', 'Or', 'Select', 'Split', 'Sub', 'Transform',
];

function tags() {
  const named = [['Ref', 'Ref'], ['Condition', 'Condition'], ...intrinsics.map((n) => [n, `Fn::${n}`])];
  return named.flatMap(([tag, key]) => {
    const wrap = (value) => ({
      [key]: tag === 'GetAtt' && typeof value === 'string'
        ? [value.slice(0, value.indexOf('.')), value.slice(value.indexOf('.') + 1)]
        : value,
    });
    return [
      { tag: `!${tag}`, resolve: wrap },
      { tag: `!${tag}`, collection: 'seq', resolve: (seq, onError) => tagged(seq, wrap) },
      { tag: `!${tag}`, collection: 'map', resolve: (map, onError) => tagged(map, wrap) },
    ];
  });
}

// Converted when the document is, as what is inside has tags, too.
function tagged(node, wrap) {
  const toJSON = node.toJSON.bind(node);
  node.toJSON = (...args) => wrap(toJSON(...args));
  return node;
}

/** The template as plain objects. Throws when the text isn't YAML, or has an unknown tag. */
export function parseTemplate(yaml, text) {
  const document = yaml.parseDocument(text, { customTags: tags(), uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new Error(problem.message.split('\n')[0]);
  return document.toJS();
}

/** The name of the intrinsic function that `value` is a call of, or nothing. */
export function intrinsic(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const keys = Object.keys(value);
  return keys.length === 1 && (keys[0] === 'Ref' || keys[0].startsWith('Fn::')) ? keys[0] : undefined;
}
