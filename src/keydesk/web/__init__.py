"""What the HTML faces share: middleware, policies, problems, templates, static files, languages."""
