"""A model, its rows and its evaluation become one page to look at.

`report` gathers, a file each: `_subject` what the model makes of the rows, `_training` the curves, `_samples` rows beside what comes back,
`_map` the codes as points, `_latent` traversals and draws, `_features` errors by column, `_numbers` the evaluation, `_settings` how to make
it again. `_page` lays them out by the templates in `page/`. `_images` and `_figures` know how pictures get into a page.
"""

from ._report import report as report

__all__ = ["report"]
