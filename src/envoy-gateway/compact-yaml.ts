import { Document, isCollection, visit } from 'yaml';

/**
 * YAML to paste. A map or list without others inside takes one line, but in the first levels, so that
 * one sees where to paste.
 */
export function compactYaml(value: unknown, openLevels: number): string {
  const document = new Document(value);
  visit(document, {
    Collection(_key, node, ancestors) {
      const level = ancestors.filter(isCollection).length;
      node.flow = level >= openLevels && !hasCollections(node.toJSON());
    },
  });
  return document.toString({ lineWidth: 0 });
}

function hasCollections(value: unknown): boolean {
  const members = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return members.some((member) => typeof member === 'object' && member !== null);
}
