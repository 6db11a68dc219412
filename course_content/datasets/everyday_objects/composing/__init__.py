"""The parts of the everyday-objects recipe: reading packages, composing pictures, checking and packing sets."""
