#!/usr/bin/env python
from axons_service.cli import main

if __name__ == "__main__":
    main()
