// Makes constants of a bundle constants again. esbuild turns each `const` of a module into a `var`; of a `var`
// V8 has to look at every use what is in it, and of a `const` the value is part of the optimised code.
import { parse } from 'acorn';

/**
 * A bundle that is one function in parentheses, with `const` for each variable of that function that is given
 * a value where it is declared, and nowhere else. No line or column of anything behind a declaration’s name
 * moves, so a source map stays right. Throws SyntaxError where this would declare something twice.
 */
export function keepConstants(text) {
  const options = { ecmaVersion: 'latest', sourceType: 'script' };
  const tree = parse(text, options);
  const assigned = new Set();
  forEachNode(tree, (node) => noteAssigned(node, assigned));
  const pieces = [];
  let done = 0;
  for (const { start, declarations } of tree.body[0].expression.body.body.filter(isVar)) {
    const head = `var ${declarations[0].id.name} = `;
    const isUsual = text.startsWith(head, start) && declarations.every(isGivenValue);
    if (!isUsual || declarations.some(({ id }) => assigned.has(id.name))) continue;
    pieces.push(text.slice(done, start), `const ${declarations[0].id.name}=`);
    done = start + head.length;
  }
  const changed = [...pieces, text.slice(done)].join('');
  parse(changed, options);
  return changed;
}

function isVar({ type, kind }) {
  return type === 'VariableDeclaration' && kind === 'var';
}

function isGivenValue({ id, init }) {
  return id.type === 'Identifier' && init !== null;
}

/** Names that are assigned to, in whatever scope. */
function noteAssigned(node, names) {
  const target = {
    AssignmentExpression: node.left,
    UpdateExpression: node.argument,
    ForInStatement: node.left,
    ForOfStatement: node.left,
  }[node.type];
  if (target === undefined || target === null || target.type === 'MemberExpression') return;
  forEachNode(target, ({ type, name }) => {
    if (type === 'Identifier') names.add(name);
  });
}

/** Not recursive: a bundle nests deeply. */
function forEachNode(tree, visit) {
  const left = [tree];
  while (left.length > 0) {
    const node = left.pop();
    visit(node);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) left.push(...value.filter(isNode));
      else if (isNode(value)) left.push(value);
    }
  }
}

function isNode(value) {
  return typeof value === 'object' && value !== null && typeof value.type === 'string';
}
