-- Run once, when PostgreSQL starts with an empty folder. The service's own database is there already (POSTGRES_DB).
-- What Rasa remembers, apart from the service's tables:
CREATE DATABASE dragoman_bot;
-- The demo shop (DRAGOMAN_COMMERCE=demo):
CREATE DATABASE dragoman_shop;
